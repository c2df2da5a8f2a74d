#pragma once

#include "tools/cli/globals.hpp"

/// One function a command: adds it below its noun, and sets `chosen` when it is the one that was typed. `globals` and
/// `chosen` outlive the parsing and the command's run.
namespace sluice::tools {

void add_topic_list(CLI::App& topic, const Globals& globals, Command& chosen);
void add_topic_create(CLI::App& topic, const Globals& globals, Command& chosen);
void add_topic_describe(CLI::App& topic, const Globals& globals, Command& chosen);
void add_topic_delete(CLI::App& topic, const Globals& globals, Command& chosen);
void add_cluster_status(CLI::App& cluster, const Globals& globals, Command& chosen);
void add_cluster_quorum(CLI::App& cluster, const Globals& globals, Command& chosen);
void add_cluster_voters(CLI::App& cluster, const Globals& globals, Command& chosen);
void add_cluster_elect(CLI::App& cluster, const Globals& globals, Command& chosen);
void add_cluster_forget(CLI::App& cluster, const Globals& globals, Command& chosen);
void add_cluster_snapshot(CLI::App& cluster, const Globals& globals, Command& chosen);
void add_log_dump(CLI::App& log, const Globals& globals, Command& chosen);
void add_log_rebuild_index(CLI::App& log, const Globals& globals, Command& chosen);
void add_log_verify(CLI::App& log, const Globals& globals, Command& chosen);

}  // namespace sluice::tools
