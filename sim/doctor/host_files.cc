#include "sim/doctor/host_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <vector>

#include "common/files/files.h"
#include "common/text/text.h"
#include "sim/doctor/control_group.h"

namespace isopop::sim::doctor {
namespace {

namespace fs = std::filesystem;
using std::uint64_t;

// /proc/net/tcp has 150 bytes a socket.
constexpr uint64_t kFileBytesMax = 64ULL << 20U;

std::optional<std::string> text_of(const fs::path& file) {
  Result<std::string> text = read_file(file, kFileBytesMax);
  if (!text.ok()) return std::nullopt;
  return std::move(text).value();
}

// The words of a line, however many spaces or tabs are between them.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  constexpr std::string_view kSpaces = " \t\r\n";
  for (std::size_t at = line.find_first_not_of(kSpaces); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kSpaces, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kSpaces, end);
  }
  return words;
}

std::optional<uint64_t> parse_limit(std::string_view text) {
  if (text == "max" || text == "unlimited") return kUnlimited;
  const auto number = parse_unsigned(text);
  if (!number) return std::nullopt;
  return *number;
}

std::optional<uint64_t> parse_hexadecimal(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The word number `index` of a file's first line.
std::optional<std::string> word_of(const fs::path& file, std::size_t index) {
  const std::optional<std::string> text = text_of(file);
  if (!text) return std::nullopt;
  const std::vector<std::string_view> words = words_of(split(*text, '\n').front());
  if (words.size() <= index) return std::nullopt;
  return std::string(words[index]);
}

std::optional<uint64_t> number_of_word(const fs::path& file, std::size_t index) {
  const std::optional<std::string> word = word_of(file, index);
  return word ? parse_limit(*word) : std::nullopt;
}

// "0.33 2.48 4.00 2/154 23576": 154 tasks.
std::optional<uint64_t> tasks_in_load(const fs::path& file) {
  const std::optional<std::string> word = word_of(file, 3);
  if (!word) return std::nullopt;
  const std::vector<std::string_view> parts = split(*word, '/');
  return parts.size() == 2 ? parse_limit(parts[1]) : std::nullopt;
}

// The first column is the number of entries in the table, the same in the line of each processor.
std::optional<uint64_t> entries_in_arp_cache(const fs::path& file) {
  const std::optional<std::string> text = text_of(file);
  if (!text) return std::nullopt;
  const std::vector<std::string_view> lines = split(*text, '\n');
  if (lines.size() < 2) return std::nullopt;
  const std::vector<std::string_view> words = words_of(lines[1]);
  return words.empty() ? std::nullopt : parse_hexadecimal(words.front());
}

std::optional<uint64_t> size_of_port_range(const fs::path& file) {
  const std::optional<uint64_t> first = number_of_word(file, 0);
  const std::optional<uint64_t> last = number_of_word(file, 1);
  if (!first || !last || *last < *first || *last > 65'535) return std::nullopt;
  return *last - *first + 1;
}

std::optional<std::set<std::uint16_t>> listening_ports(const fs::path& net) {
  const std::optional<std::string> tcp = text_of(net / "tcp");
  if (!tcp) return std::nullopt;
  std::set<std::uint16_t> ports = parse_listening_ports(*tcp);
  // Not there where IPv6 is off.
  if (const std::optional<std::string> tcp6 = text_of(net / "tcp6")) {
    ports.merge(parse_listening_ports(*tcp6));
  }
  return ports;
}

// cgroups(7): cgroup.controllers is at the top of v2. Where both are mounted, v2 is further down.
std::string cgroup_version(const fs::path& top) {
  std::error_code ignored;
  if (fs::exists(top / "cgroup.controllers", ignored)) return "2";
  return fs::exists(top / "pids", ignored) || fs::exists(top / "memory", ignored) ? "1" : "";
}

// Every process, with the folder of /proc that tells of it.
void for_each_process(const fs::path& root, const std::function<void(const fs::path&)>& use) {
  std::error_code error;
  for (fs::directory_iterator at(root / "proc", error), end; !error && at != end;
       at.increment(error)) {
    if (parse_unsigned(at->path().filename().string())) use(at->path());
  }
}

}  // namespace

std::optional<uint64_t> read_number(const fs::path& file) {
  const std::optional<std::string> text = text_of(file);
  return text ? parse_limit(trim(*text)) : std::nullopt;
}

std::optional<std::uint16_t> read_own_port(const fs::path& state) {
  constexpr std::string_view kPublished = "127.0.0.1:";
  const std::optional<std::string> text = text_of(state / "router.endpoint");
  if (!text) return std::nullopt;
  const std::string_view endpoint = trim(*text);
  if (!endpoint.starts_with(kPublished)) return std::nullopt;
  const auto port = parse_unsigned(endpoint.substr(kPublished.size()));
  if (!port || *port > 0xFFFF) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

std::optional<uint64_t> parse_meminfo(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.size() != 3 || words[2] != "kB" || !words[0].ends_with(':')) continue;
    if (words[0].substr(0, words[0].size() - 1) != key) continue;
    const auto kilobytes = parse_unsigned(words[1]);
    if (!kilobytes || *kilobytes > kUnlimited / 1024) return std::nullopt;
    return *kilobytes * 1024;
  }
  return std::nullopt;
}

std::optional<uint64_t> parse_hard_limit(std::string_view text, std::string_view name) {
  for (std::string_view line : split(text, '\n')) {
    if (!line.starts_with(name)) continue;
    const std::vector<std::string_view> words = words_of(line.substr(name.size()));
    return words.size() < 2 ? std::nullopt : parse_limit(words[1]);
  }
  return std::nullopt;
}

std::set<std::uint16_t> parse_listening_ports(std::string_view text) {
  constexpr std::string_view kListening = "0A";  // TCP_LISTEN of include/net/tcp_states.h
  std::set<std::uint16_t> ports;
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.size() < 4 || words[3] != kListening) continue;
    const std::size_t colon = words[1].rfind(':');
    if (colon == std::string_view::npos) continue;
    const std::optional<uint64_t> port = parse_hexadecimal(words[1].substr(colon + 1));
    if (port && *port <= 0xFFFF) ports.insert(static_cast<std::uint16_t>(*port));
  }
  return ports;
}

std::optional<std::string> parse_choice(std::string_view text) {
  const std::size_t open = text.find('[');
  if (open == std::string_view::npos) return std::nullopt;
  const std::size_t close = text.find(']', open);
  if (close == std::string_view::npos || close == open + 1) return std::nullopt;
  return std::string(text.substr(open + 1, close - open - 1));
}

HostFacts read_host_files(const fs::path& root) {
  HostFacts facts;
  const fs::path sys = root / "proc/sys";
  std::error_code ignored;
  facts.has_systemd = fs::exists(root / "run/systemd/system", ignored);  // sd_booted(3)
  facts.kernel = word_of(sys / "kernel/osrelease", 0).value_or("unknown");
  if (const std::optional<std::string> meminfo = text_of(root / "proc/meminfo")) {
    facts.memory_total_bytes = parse_meminfo(*meminfo, "MemTotal");
    facts.memory_available_bytes = parse_meminfo(*meminfo, "MemAvailable");
  }
  facts.pid_max = read_number(sys / "kernel/pid_max");
  facts.threads_max = read_number(sys / "kernel/threads-max");
  facts.tasks_now = tasks_in_load(root / "proc/loadavg");
  facts.file_max = number_of_word(sys / "fs/file-nr", 2);
  facts.files_now = number_of_word(sys / "fs/file-nr", 0);
  facts.nr_open = read_number(sys / "fs/nr_open");
  facts.neighbours_max = read_number(sys / "net/ipv4/neigh/default/gc_thresh3");
  facts.neighbours_now = entries_in_arp_cache(root / "proc/net/stat/arp_cache");
  facts.inotify_instances = read_number(sys / "fs/inotify/max_user_instances");
  facts.inotify_watches = read_number(sys / "fs/inotify/max_user_watches");
  facts.somaxconn = read_number(sys / "net/core/somaxconn");
  facts.ephemeral_ports = size_of_port_range(sys / "net/ipv4/ip_local_port_range");
  facts.overcommit_mode = read_number(sys / "vm/overcommit_memory");
  if (const auto choices = text_of(root / "sys/kernel/mm/transparent_hugepage/enabled")) {
    facts.huge_pages = parse_choice(*choices);
  }
  facts.cgroup_version = cgroup_version(root / "sys/fs/cgroup");
  facts.ports_taken = listening_ports(root / "proc/net");
  facts.user_namespaces_max = read_number(sys / "user/max_user_namespaces");
  facts.user_namespaces_for_all = read_number(sys / "kernel/unprivileged_userns_clone");
  facts.user_namespaces_by_apparmor =
      read_number(sys / "kernel/apparmor_restrict_unprivileged_userns");
  return facts;
}

ProcessLimits read_process_limits(const fs::path& root, std::string_view process) {
  ProcessLimits limits;
  const fs::path folder = root / "proc" / process;
  if (const std::optional<std::string> text = text_of(folder / "limits")) {
    limits.open_files_hard = parse_hard_limit(*text, "Max open files");
    limits.tasks_of_user = parse_hard_limit(*text, "Max processes");
  }
  if (const std::optional<std::string> groups = text_of(folder / "cgroup")) {
    limits.cgroup_tasks_left = tasks_left_in_group(root, *groups);
    limits.cgroup_memory_left_bytes = memory_left_in_group(root, *groups);
  }
  return limits;
}

std::optional<uint64_t> count_tasks_of_user(const fs::path& root, uid_t user) {
  uint64_t tasks = 0;
  bool has_any = false;
  for_each_process(root, [&tasks, &has_any, user](const fs::path& folder) {
    struct stat status{};
    if (stat(folder.c_str(), &status) != 0) return;  // gone meanwhile
    has_any = true;
    if (status.st_uid != user) return;
    const std::optional<std::string> text = text_of(folder / "status");
    if (!text) return;
    for (const std::string_view line : split(*text, '\n')) {
      constexpr std::string_view kKey = "Threads:";
      if (!line.starts_with(kKey)) continue;
      tasks += parse_unsigned(trim(line.substr(kKey.size()))).value_or(0);
    }
  });
  if (!has_any) return std::nullopt;
  return tasks;
}

std::optional<std::string> find_process(const fs::path& root, std::string_view name) {
  std::optional<std::string> found;
  for_each_process(root, [&found, name](const fs::path& folder) {
    if (found) return;
    const std::optional<std::string> text = text_of(folder / "comm");
    if (text && trim(*text) == name) found = folder.filename().string();
  });
  return found;
}

}  // namespace isopop::sim::doctor
