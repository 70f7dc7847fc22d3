"""The ``skmnist`` command as ``python -m skmnist``."""

from skmnist._cli import main

raise SystemExit(main())
