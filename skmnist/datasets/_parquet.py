"""Parquet files as on the Hugging Face hub: a picture and a label in each row."""

import numpy as np

from skmnist._utils import warn_user
from skmnist.datasets._parts import ImageSet
from skmnist.datasets._pictures import as_images
from skmnist.datasets._stream import one_line, shortened

_ROWS_AT_ONCE = 64
_LEAST_ROW = 512  # bytes that a row takes when it is read, at least


def read_parquet(file, limit, path, label_column, normalize):
    """Read the columns `image` and `label_column` of a seekable file."""
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ImportError(
            f"Reading the Parquet file {path} requires pyarrow: pip install "
            "'skmnist[parquet]'."
        ) from error
    try:
        table = ParquetFile(file)
        _check(table, limit, path, label_column)
        labels = None
        if label_column in table.schema_arrow.names:
            column = table.read([label_column]).column(label_column)
            labels = _as_labels(column, label_column, path)
        elif others := [
            n for n in table.schema_arrow.names if n not in ("image", "id")
        ]:
            warn_user(
                f"{path} has no column {label_column!r}, and so no labels; its other "
                f"columns are {shortened(others)}: name one with label_column."
            )
        # Small pictures of one size are taken for a prepared data set.
        images, normalized = as_images(
            _pictures(table, path), normalize, lambda images: True
        )
    except pa.ArrowException as error:
        raise ValueError(f"{path} is damaged ({one_line(error)}).") from error
    return ImageSet(images, labels, normalized=normalized)


def _check(table, limit, path, label_column):
    import pyarrow as pa

    names = table.schema_arrow.names
    for name in ("image", label_column):
        if names.count(name) > 1:
            raise ValueError(f"{path} has {names.count(name)} columns {name!r}.")
    kind = table.schema_arrow.field("image").type if "image" in names else None
    seen = f" ('image' holds {kind})" if kind else ""
    if pa.types.is_struct(kind) if kind else False:
        kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else None
    if kind not in (pa.binary(), pa.large_binary()):
        raise ValueError(
            f"{path} has the columns {shortened(names)}{seen}; a Parquet file of "
            "pictures has a column 'image' with the bytes of PNG or JPEG files, and "
            f"'label' (or what label_column, --label-column, names)."
        )
    meta = table.metadata
    groups = [meta.row_group(i).total_byte_size for i in range(meta.num_row_groups)]
    if not meta.num_rows:
        raise ValueError(f"{path} does not have rows.")
    if sum(groups) > limit or _LEAST_ROW * meta.num_rows > limit:
        raise ValueError(
            f"{path} claims {meta.num_rows} rows of {sum(groups)} bytes, more than its "
            "file can hold."
        )


def _pictures(table, path):
    """Yield a name and the bytes of the picture of each row."""
    row = 0
    for batch in table.iter_batches(_ROWS_AT_ONCE, columns=["image"]):
        for cell in batch.column(0).to_pylist():
            row += 1
            content = cell["bytes"] if isinstance(cell, dict) else cell
            if not content:
                raise ValueError(f"{path}: row {row} does not hold a picture's bytes.")
            yield f"{path}: row {row}", content


def _as_labels(column, label_column, path):
    import pyarrow as pa

    if column.null_count:
        raise ValueError(f"{path}: {column.null_count} rows do not have a label.")
    if pa.types.is_dictionary(column.type):  # pandas's categories
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type):
        return column.to_numpy().astype(np.int64)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array(column.to_pylist())
    raise ValueError(
        f"{path} has labels of type {column.type} in {label_column!r}; labels are "
        f"integers or text."
    )
