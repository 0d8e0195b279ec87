#include "tests/tidy/text_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

#include "common/text/text.h"

namespace isopop::tidy {
namespace {

constexpr std::size_t kHeaderLinesMax = 250;
constexpr std::size_t kSourceLinesMax = 500;
constexpr std::size_t kTestLinesMax = 700;
constexpr std::size_t kFunctionLinesMax = 70;
constexpr std::size_t kColumnsMax = 100;

enum class Scope { kEverywhere, kOutsideTests };

// A word of C++ that is not used here; what begins and ends it must not be part of a longer word.
struct BannedWord {
  std::string_view word;
  std::string_view instead;
  Scope scope = Scope::kEverywhere;
};

constexpr std::array kBannedWords = {
    BannedWord{"system_clock::now", "take a Clock (common/time)"},
    BannedWord{"steady_clock::now", "take a Clock (common/time)", Scope::kOutsideTests},
    BannedWord{"high_resolution_clock", "take a Clock (common/time)"},
    BannedWord{"gettimeofday", "take a Clock (common/time)"},
    BannedWord{"random_device", "take a RandomStream (common/random), or entropy64()"},
    BannedWord{"mt19937", "take a RandomStream (common/random)"},
    BannedWord{"mt19937_64", "take a RandomStream (common/random)"},
    BannedWord{"uniform_int_distribution", "RandomStream::below(): std's differ by library"},
    BannedWord{"uniform_real_distribution", "RandomStream::uniform(): std's differ by library"},
    BannedWord{"normal_distribution", "RandomStream::normal(): std's differ by library"},
    BannedWord{"rand()", "take a RandomStream (common/random)"},
    BannedWord{"srand", "take a RandomStream (common/random)"},
    BannedWord{"std::hash", "hash64() (common/hash): std's differs by library"},
    BannedWord{"sleep_for", "wait on a timer or a condition; in tests tests/support/wait.h"},
    BannedWord{"sleep_until", "wait on a timer or a condition; in tests tests/support/wait.h"},
    BannedWord{"usleep", "wait on a timer or a condition; in tests tests/support/wait.h"},
    BannedWord{"std::cout", "common/log, or fmt::print for a program's output"},
    BannedWord{"std::cerr", "common/log, or fmt::print(stderr, …)"},
    BannedWord{"std::endl", "'\\n'"},
    BannedWord{"printf", "fmt::print", Scope::kOutsideTests},
    BannedWord{"sprintf", "fmt::format"},
    BannedWord{"snprintf", "fmt::format"},
    BannedWord{"std::stoi", "parse_integer() (common/text)"},
    BannedWord{"std::stol", "parse_integer() (common/text)"},
    BannedWord{"std::stoul", "parse_unsigned() (common/text)"},
    BannedWord{"std::stod", "parse_double() (common/text)"},
    BannedWord{"atoi", "parse_integer() (common/text)"},
    BannedWord{"atof", "parse_double() (common/text)"},
    BannedWord{"strtol", "parse_integer() (common/text)"},
    BannedWord{"strtod", "parse_double() (common/text)"},
    BannedWord{"std::regex", "plain code: it is slow and recursive"},
    BannedWord{"assert(", "ISOPOP_ASSERT, which is on in every build"},
    BannedWord{"throw", "return an Error (common/result)", Scope::kOutsideTests},
    BannedWord{"system(", "spawn a Child (common/process)"},
    BannedWord{"popen", "spawn a Child (common/process)"},
    BannedWord{"std::auto_ptr", "std::unique_ptr"},
    BannedWord{"using namespace std;", "name what is used"},
    BannedWord{"std::thread::detach", "an owner who joins"},
    BannedWord{"reinterpret_pointer_cast", "one type for one thing"},
};

constexpr std::array<std::string_view, 11> kLinkedHosts = {
    "github.com",           "maxmind.github.io",        "www.geonames.org",
    "www.w3.org",           "encoding.spec.whatwg.org", "fetch.spec.whatwg.org",
    "html.spec.whatwg.org", "webidl.spec.whatwg.org",   "url.spec.whatwg.org",
    "www.rfc-editor.org",
    "semicomplete.com",  // whose log is the bundled trace
};

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Whether the word stands in the line, not as part of a longer one.
bool contains_word(std::string_view line, std::string_view word) {
  for (std::size_t at = line.find(word); at != std::string_view::npos;
       at = line.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins =
        at == 0 || !is_word_character(line[at - 1]) || !is_word_character(word.front());
    const bool ends =
        end == line.size() || !is_word_character(line[end]) || !is_word_character(word.back());
    // A qualified name is another's: Foo::rand, .system(.
    const bool is_anothers =
        at > 0 && (line[at - 1] == '.' || line[at - 1] == '>') && !word.starts_with("std::");
    if (begins && ends && !is_anothers) return true;
  }
  return false;
}

std::size_t character_count(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

bool is_definition_of_type_or_scope(std::string_view line) {
  constexpr std::array<std::string_view, 7> kWords = {"namespace", "class",     "struct", "enum",
                                                      "union",     "extern \"", "using"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [line](std::string_view word) { return line.starts_with(word); });
}

// Functions at namespace level: clang-format puts their first line and their closing brace in
// column 0.
std::vector<Finding> check_functions(const SourceFile& file) {
  std::vector<Finding> findings;
  std::size_t start = 0;  // line of the definition that is open, from 1; 0 for none
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    const std::string_view line = file.code[i];
    const std::string_view words = trim(line);
    if (words.empty() || words.starts_with('#')) continue;
    const bool in_column_0 = line.front() != ' ';
    if (in_column_0 && words == "}" && start != 0) {
      const std::size_t lines = i + 2 - start;
      if (lines > kFunctionLinesMax) {
        findings.push_back({"size", file.path, start,
                            fmt::format("the function has {} lines, {} are allowed: take it apart",
                                        lines, kFunctionLinesMax)});
      }
      start = 0;
    } else if (in_column_0 && (words.starts_with('}') || is_definition_of_type_or_scope(words) ||
                               words.ends_with(';'))) {
      start = 0;
    } else if (in_column_0 && start == 0 && is_word_character(line.front())) {
      start = i + 1;
    }
  }
  return findings;
}

}  // namespace

std::vector<Finding> check_sizes(const SourceFile& file) {
  if (!file.is_cpp()) return {};
  std::size_t lines_max = file.is_header() ? kHeaderLinesMax : kSourceLinesMax;
  if (file.is_test() && file.is_source()) lines_max = kTestLinesMax;
  std::vector<Finding> findings = check_functions(file);
  if (file.lines.size() > lines_max) {
    findings.push_back({"size", file.path, 0,
                        fmt::format("has {} lines, {} are allowed: split it by what it is about",
                                    file.lines.size(), lines_max)});
  }
  return findings;
}

std::vector<Finding> check_columns(const SourceFile& file) {
  if (!file.is_cpp()) return {};
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::size_t columns = character_count(file.lines[i]);
    if (columns <= kColumnsMax || file.lines[i].starts_with("#include")) continue;
    findings.push_back(
        {"columns", file.path, i + 1,
         fmt::format("{} columns, {} are allowed: run ./run format, or break the line", columns,
                     kColumnsMax)});
  }
  return findings;
}

std::vector<Finding> check_whitespace(const SourceFile& file) {
  if (file.is_data() || file.text.empty()) return {};
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& line = file.lines[i];
    if (line.ends_with('\r')) {
      findings.push_back({"whitespace", file.path, i + 1, "ends in CR LF: use LF"});
    } else if (line.ends_with(' ') || line.ends_with('\t')) {
      findings.push_back({"whitespace", file.path, i + 1, "space at the end of the line"});
    }
    if (file.is_cpp() && line.find('\t') != std::string::npos) {
      findings.push_back({"whitespace", file.path, i + 1, "a tab: use spaces"});
    }
  }
  if (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
    findings.push_back({"whitespace", file.path, file.lines.size(),
                        "the file must end with exactly one line end"});
  }
  return findings;
}

std::vector<Finding> check_banned_words(const SourceFile& file) {
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    for (const BannedWord& banned : kBannedWords) {
      if (file.is_test() && banned.scope == Scope::kOutsideTests) continue;
      if (!contains_word(file.code[i], banned.word)) continue;
      findings.push_back({"banned-word", file.path, i + 1,
                          fmt::format("{}: instead {}", banned.word, banned.instead)});
    }
  }
  return findings;
}

std::vector<Finding> check_todos(const SourceFile& file) {
  if (!file.is_cpp() && !file.path.ends_with(".proto") && !file.path.ends_with(".cmake")) return {};
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::string_view line = file.lines[i];
    for (const std::string_view word : {"FIXME", "HACK"}) {
      if (!contains_word(line, word)) continue;
      findings.push_back({"todo", file.path, i + 1,
                          fmt::format("{}: write a TODO with its issue's number", word)});
    }
    constexpr std::string_view kTodo = "TODO";
    if (!contains_word(line, kTodo)) continue;
    std::string_view rest = line.substr(line.find(kTodo) + kTodo.size());
    bool is_good = rest.starts_with("(#");
    if (is_good) {
      rest.remove_prefix(2);
      const std::size_t end = rest.find("): ");
      is_good = end != std::string_view::npos && parse_unsigned(rest.substr(0, end)).has_value();
    }
    if (is_good) continue;
    findings.push_back({"todo", file.path, i + 1,
                        "name the issue, as in TODO(#12): what is missing; or do it now"});
  }
  return findings;
}

std::vector<Finding> check_header(const SourceFile& file) {
  if (!file.is_header()) return {};
  std::vector<Finding> findings;
  if (file.lines.empty() || file.lines.front() != "#pragma once") {
    findings.push_back({"header", file.path, 1, "a header begins with #pragma once"});
  }
  const bool has_comment =
      std::any_of(file.lines.begin(), file.lines.end(),
                  [](const std::string& line) { return trim(line).starts_with("//"); });
  if (!has_comment) {
    findings.push_back(
        {"header", file.path, 1, "a header says what its idea is, before what it declares"});
  }
  return findings;
}

std::vector<Finding> check_machine_paths(const SourceFile& file, std::string_view checkout) {
  std::vector<std::string> banned = {"/root/", "/home/"};
  const std::filesystem::path path(checkout);
  if (std::distance(path.begin(), path.end()) > 2) banned.emplace_back(checkout);
  // Of "/srv/isopop" the parent is a folder that every machine has; of "/data/me/isopop" it is not.
  constexpr std::array<std::string_view, 9> kCommon = {"/",    "/tmp", "/usr",  "/opt", "/srv",
                                                       "/var", "/mnt", "/root", "/home"};
  const std::string parent = path.parent_path().string();
  if (std::find(kCommon.begin(), kCommon.end(), parent) == kCommon.end()) {
    banned.push_back(parent + '/');
  }
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& line = file.lines[i];
    for (const std::string& prefix : banned) {
      const std::size_t at = line.find(prefix);
      if (at == std::string::npos) continue;
      const bool is_start = at == 0 || !(is_word_character(line[at - 1]) || line[at - 1] == '.' ||
                                         line[at - 1] == '-' || line[at - 1] == '}');
      if (!is_start) continue;
      findings.push_back({"machine", file.path, i + 1,
                          fmt::format("names a folder of one machine ({}): say it relative to the "
                                      "root of the tree, or take it from the environment",
                                      prefix)});
      break;
    }
  }
  return findings;
}

std::vector<Finding> check_urls(const SourceFile& file) {
  if (file.is_data() && !file.path.ends_with("package-lock.json")) return {};
  constexpr std::array<std::string_view, 6> kReserved = {
      ".test", ".example", ".invalid", "example.com", "example.org", "example.net"};
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::string_view line = file.lines[i];
    for (std::size_t at = line.find("://"); at != std::string_view::npos;
         at = line.find("://", at + 1)) {
      std::string_view host = line.substr(at + 3);
      const std::size_t end = std::min(
          host.size(),
          static_cast<std::size_t>(
              std::find_if(host.begin(), host.end(),
                           [](char c) { return !(is_word_character(c) || c == '.' || c == '-'); }) -
              host.begin()));
      const std::string name = to_lower(host.substr(0, end));
      const bool has_dot = name.find('.') != std::string::npos;
      // A name's last part is a word, an address's a number.
      const bool is_numeric =
          parse_unsigned(std::string_view(name).substr(name.rfind('.') + 1)).has_value();
      const bool is_reserved =
          std::any_of(kReserved.begin(), kReserved.end(),
                      [&name](std::string_view suffix) { return name.ends_with(suffix); });
      const bool is_linked =
          std::find(kLinkedHosts.begin(), kLinkedHosts.end(), name) != kLinkedHosts.end();
      if (!has_dot || is_numeric || is_reserved || is_linked) continue;
      findings.push_back({"url", file.path, i + 1,
                          fmt::format("links to {}: a host must be in the list in "
                                      "tests/tidy/text_rules.cc; for made-up ones use .example",
                                      name)});
    }
  }
  return findings;
}

}  // namespace isopop::tidy
