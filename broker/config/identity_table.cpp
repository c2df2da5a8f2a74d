#include <array>

#include "broker/config/tables.hpp"

namespace sluice::broker::config::tables {
namespace {

constexpr std::string_view kIdentity = "Identity";
constexpr std::string_view kListeners = "Listeners";

constexpr std::array kRows{
    Definition{
        .name = "node.id",
        .type = ConfigType::int32,
        .default_value = "1",
        .min = 0,
        .doc = "Number of this node, unique in its cluster. broker.id is read where this is not set. A node that joins "
               "with --join and has none is given one.",
        .group = kIdentity},
    Definition{.name = "broker.id",
               .type = ConfigType::int32,
               .default_value = "-1",
               .min = -1,
               .doc = "Older name of node.id; -1 means that node.id decides.",
               .group = kIdentity},
    Definition{.name = "broker.rack",
               .type = ConfigType::string,
               .doc = "Rack or zone of this broker, told to clients so that they can prefer what is near.",
               .group = kIdentity},
    Definition{
        .name = "process.roles",
        .type = ConfigType::list,
        .default_value = "broker,controller",
        .allowed = "broker,controller",
        .doc = "What this process is: it serves clients and keeps partitions, or takes part in the quorum that keeps "
               "the metadata, or both.",
        .group = kIdentity},
    Definition{.name = "listeners",
               .type = ConfigType::list,
               .default_value = "PLAINTEXT://:9092",
               .doc = "Sockets to open, as NAME://host:port; no host means every interface. Started without a "
                      "configuration file the default is PLAINTEXT://127.0.0.1:9092.",
               .group = kListeners},
    Definition{.name = "advertised.listeners",
               .type = ConfigType::list,
               .doc =
                   "Addresses that clients are told to connect to, by listener name. Unset: those of listeners, with "
                   "this machine's name where they have no host.",
               .group = kListeners},
    Definition{.name = "listener.security.protocol.map",
               .type = ConfigType::string,
               .default_value = "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
               .doc = "Security protocol of each listener name, as NAME:PROTOCOL.",
               .group = kListeners},
    Definition{.name = "inter.broker.listener.name",
               .type = ConfigType::string,
               .doc = "Listener that brokers use among themselves. Unset: the one that "
                      "security.inter.broker.protocol names, else the first.",
               .group = kListeners},
    Definition{
        .name = "security.inter.broker.protocol",
        .type = ConfigType::string,
        .default_value = "PLAINTEXT",
        .allowed = "PLAINTEXT,SSL,SASL_PLAINTEXT,SASL_SSL",
        .doc = "Names the listener between brokers by its protocol; inter.broker.listener.name is the better way.",
        .group = kListeners},
    Definition{
        .name = "controller.listener.names",
        .type = ConfigType::list,
        .default_value = "",
        .doc = "Listener names on which the nodes of the quorum reach each other. Unset: the listener between brokers.",
        .group = kListeners},
    Definition{
        .name = "sluice.admin.listener",
        .type = ConfigType::string,
        .default_value = "auto",
        .doc = "host:port of health checks, metrics and console over HTTP; empty turns it off. auto is 127.0.0.1 at "
               "the port of the first listener + 552 (9644 beside 9092), so that a second broker on the machine "
               "gets its own.",
        .group = kListeners},
};

}  // namespace

std::span<const Definition> identity_rows() { return kRows; }

}  // namespace sluice::broker::config::tables
