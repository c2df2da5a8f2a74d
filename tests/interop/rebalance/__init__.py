"""Groups of real consumers that come, go, die and sleep while a producer writes: workers, scenarios and the checker."""
