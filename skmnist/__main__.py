"""The ``skmnist`` command as ``python -m skmnist``."""

from skmnist.cli._main import main

raise SystemExit(main())
