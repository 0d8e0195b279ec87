#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace isopop::sim {

// The little that the exporters need of YAML: they write its text in blocks, so that people can
// read what comes out, and quote every value that comes from a topology.

// A double-quoted scalar, on one line: NO stays a country and 1e3 a name, in YAML 1.1 and 1.2
// alike.
[[nodiscard]] std::string yaml_quoted(std::string_view text);

// The same for files in which "$" begins a variable (compose, swarm): "$$" stands for it there.
[[nodiscard]] std::string yaml_quoted_for_compose(std::string_view text);

// A size as compose and swarm take it: "384m" is 384 MiB.
[[nodiscard]] std::string compose_bytes(std::uint64_t bytes);

// The same for Kubernetes: "384Mi".
[[nodiscard]] std::string kubernetes_bytes(std::uint64_t bytes);

// Text that goes into a comment: what could end its line becomes a space.
[[nodiscard]] std::string yaml_comment(std::string_view text);

}  // namespace isopop::sim
