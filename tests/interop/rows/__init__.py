"""The rows of the suite, by name and in the order in which `all` runs them."""

from garbage.row import Garbage

from .client_rows import CLIENTS, ClientRow
from .cluster_faults import ClusterFaults
from .cluster_groups import ClusterGroups
from .cluster_operator import ClusterOperator
from .cluster_roles import ClusterRoles
from .cluster_tools import ClusterTools
from .compaction import Compaction
from .dump_log import DumpLog
from .full_disk import FullDisk
from .group_admin import GroupAdmin
from .moved_partition import MovedPartition
from .kafka_tools_rows import AdminTools, ConsoleTools
from .kill_cycles import KillCycles
from .real_input import KilledBroker, RealInput
from .rebalance import ROWS as REBALANCE, RebalanceRow
from .transactional_log import TransactionalLog

_ROWS = [
    *(ClientRow(name) for name in CLIENTS),
    ConsoleTools(),
    AdminTools(),
    GroupAdmin(),
    RealInput(),
    KilledBroker(),
    KillCycles(),
    DumpLog(),
    Compaction(),
    FullDisk(),
    MovedPartition(),
    *(RebalanceRow(family) for family in REBALANCE),
    TransactionalLog(),
    Garbage(),
    ClusterOperator(),
    ClusterTools(),
    ClusterGroups(),
    ClusterRoles(),
    ClusterFaults(),
]
ROWS = {row.name: row for row in _ROWS}
