"""The rows of the suite, by name and in the order in which `all` runs them."""

from garbage.row import Garbage

from .client_rows import CLIENTS, ClientRow
from .dump_log import DumpLog
from .kafka_tools_rows import AdminTools, ConsoleTools
from .real_input import KilledBroker, RealInput

_ROWS = [
    *(ClientRow(name) for name in CLIENTS),
    ConsoleTools(),
    AdminTools(),
    RealInput(),
    KilledBroker(),
    DumpLog(),
    Garbage(),
]
ROWS = {row.name: row for row in _ROWS}
