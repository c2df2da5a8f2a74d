"""The rows of the suite, by name and in the order in which `all` runs them."""

from .client_rows import CLIENTS, ClientRow

_ROWS = [*(ClientRow(name) for name in CLIENTS)]
ROWS = {row.name: row for row in _ROWS}
