#include "control_plane/cli/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "common/text/text.h"

namespace isopop::control::cli {
namespace {

struct Flag {
  std::vector<std::string> names;  // "-o", "--output"
  std::string description;
  std::string values;  // "table wide json"; empty: any or none
  bool takes_value = false;
};

struct Node {
  std::string path;  // "/versions/list"; of popctl itself ""
  std::vector<const CLI::App*> commands;
  std::vector<Flag> flags;  // with those of the commands above
};

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<Flag> flags_of(const CLI::App& app) {
  std::vector<Flag> flags;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional()) continue;
    Flag flag{.names = {}, .description = option->get_description(), .values = {}};
    for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
    flag.takes_value = option->get_items_expected_max() > 0;
    if (flag.takes_value) flag.values = named_values(*option);
    flags.push_back(std::move(flag));
  }
  return flags;
}

void collect(const CLI::App& app, const std::string& path, const std::vector<Flag>& above,
             std::vector<Node>& nodes) {
  Node node{.path = path, .commands = commands_of(app), .flags = flags_of(app)};
  // --help is everybody's own, --version is nobody's below.
  for (const Flag& flag : above) {
    const bool is_own = std::any_of(node.flags.begin(), node.flags.end(),
                                    [&flag](const Flag& own) { return own.names == flag.names; });
    if (!is_own && flag.names.back() != "--version") node.flags.push_back(flag);
  }
  nodes.push_back(node);
  for (const CLI::App* command : node.commands) {
    collect(*command, path + '/' + command->get_name(), node.flags, nodes);
  }
}

std::vector<Node> nodes_of(const CLI::App& root) {
  std::vector<Node> nodes;
  collect(root, "", {}, nodes);
  return nodes;
}

// For use within single quotes, one line.
std::string quoted(std::string_view text, Shell shell) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n') {
      escaped += ' ';
    } else if (c == '\'') {
      escaped += shell == Shell::kFish ? "\\'" : "'\\''";
    } else if (c == '\\' && shell == Shell::kFish) {
      escaped += "\\\\";
    } else {
      escaped += c;
    }
  }
  return '\'' + escaped + '\'';
}

// Paths of all commands, as alternatives of a `case`.
std::string all_paths(const std::vector<Node>& nodes, std::string_view separator) {
  std::vector<std::string> paths;
  for (const Node& node : nodes) {
    if (!node.path.empty()) paths.push_back(node.path);
  }
  return join(paths, separator);
}

// Options whose next word is their value.
std::vector<std::string> names_with_value(const std::vector<Node>& nodes) {
  std::set<std::string> names;
  for (const Node& node : nodes) {
    for (const Flag& flag : node.flags) {
      if (flag.takes_value) names.insert(flag.names.begin(), flag.names.end());
    }
  }
  return {names.begin(), names.end()};
}

std::string bash_script(const std::vector<Node>& nodes) {
  std::string words;
  std::set<std::string> values;
  for (const Node& node : nodes) {
    std::vector<std::string> commands;
    commands.reserve(node.commands.size());
    for (const CLI::App* command : node.commands) commands.push_back(command->get_name());
    std::vector<std::string> names;
    for (const Flag& flag : node.flags) {
      names.insert(names.end(), flag.names.begin(), flag.names.end());
      if (flag.values.empty()) continue;
      values.insert(fmt::format("    {}) words='{}' ;;\n", join(flag.names, "|"), flag.values));
    }
    words += fmt::format("    '{}') commands='{}' options='{}' ;;\n", node.path,
                         join(commands, " "), join(names, " "));
  }
  return fmt::format(
      R"(# bash completion of popctl. To use it: source <(popctl completion bash)
_popctl() {{
  local at= commands= options= words= word i
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${{COMP_WORDS[i]}}
    case "$word" in
    {1}) ((++i)); continue ;;
    esac
    case "$at/$word" in
    {2}) at=$at/$word ;;
    esac
  done
  # bash takes --output=json apart at the sign.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  case "$previous" in
{3}    {1}) COMPREPLY=(); return ;;
  esac
  if [[ -z $words ]]; then
    case "$at" in
{0}    esac
    words=$commands
    if [[ $current == -* ]]; then words=$options; fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _popctl popctl
)",
      words, join(names_with_value(nodes), "|"), all_paths(nodes, "|"),
      join({values.begin(), values.end()}, ""));
}

std::string zsh_script(const std::vector<Node>& nodes) {
  std::string cases;
  std::set<std::string> values;
  const auto entry = [](const std::string& name, const std::string& description) {
    return quoted(fmt::format("{}:{}", name, description), Shell::kZsh);
  };
  for (const Node& node : nodes) {
    std::vector<std::string> commands;
    commands.reserve(node.commands.size());
    for (const CLI::App* command : node.commands) {
      commands.push_back(entry(command->get_name(), command->get_description()));
    }
    std::vector<std::string> options;
    for (const Flag& flag : node.flags) {
      for (const std::string& name : flag.names) options.push_back(entry(name, flag.description));
      if (flag.values.empty()) continue;
      values.insert(
          fmt::format("    {}) compadd -- {}; return ;;\n", join(flag.names, "|"), flag.values));
    }
    cases += fmt::format("    '{}')\n      commands=({})\n      options=({}) ;;\n", node.path,
                         join(commands, " "), join(options, " "));
  }
  return fmt::format(
      R"(#compdef popctl
# zsh completion of popctl. To use it: popctl completion zsh > a folder of $fpath/_popctl
_popctl() {{
  local at= word i
  local -a commands options
  for ((i = 2; i < CURRENT; ++i)); do
    word=${{words[i]}}
    case "$word" in
    {1}) ((++i)); continue ;;
    esac
    case "$at/$word" in
    {2}) at=$at/$word ;;
    esac
  done
  case "${{words[CURRENT-1]}}" in
{3}    {1}) _files; return ;;
  esac
  case "$at" in
{0}  esac
  if [[ ${{words[CURRENT]}} == -* ]]; then
    _describe option options
  elif ((${{#commands}})); then
    _describe command commands
  else
    _files
  fi
}}
if [[ $funcstack[1] == _popctl ]]; then
  _popctl "$@"
else
  compdef _popctl popctl
fi
)",
      cases, join(names_with_value(nodes), "|"), all_paths(nodes, "|"),
      join({values.begin(), values.end()}, ""));
}

std::string fish_script(const std::vector<Node>& nodes) {
  std::string lines;
  for (const Node& node : nodes) {
    const std::string when = fmt::format("complete -c popctl -n '__popctl_at \"{}\"'", node.path);
    for (const CLI::App* command : node.commands) {
      lines += fmt::format("{} -f -a {} -d {}\n", when, command->get_name(),
                           quoted(command->get_description(), Shell::kFish));
    }
    for (const Flag& flag : node.flags) {
      std::string names;
      for (const std::string& name : flag.names) {
        names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!flag.values.empty()) {
        names += " -x -a " + quoted(flag.values, Shell::kFish);
      } else if (flag.takes_value) {
        names += " -r";
      }
      lines += fmt::format("{}{} -d {}\n", when, names, quoted(flag.description, Shell::kFish));
    }
  }
  return fmt::format(
      R"(# fish completion of popctl. To use it:
#   popctl completion fish > ~/.config/fish/completions/popctl.fish
function __popctl_at
  set -l at ''
  set -l is_value 0
  for word in (commandline -opc)[2..-1]
    if test $is_value = 1
      set is_value 0
    else if contains -- $word {1}
      set is_value 1
    else if contains -- "$at/$word" {2}
      set at "$at/$word"
    end
  end
  test "$at" = "$argv[1]"
end
{0})",
      lines, join(names_with_value(nodes), " "), all_paths(nodes, " "));
}

}  // namespace

std::string named_values(const CLI::Option& option) {
  std::string values = option.get_option_text();
  if (values.find('|') == std::string::npos) return {};
  std::replace(values.begin(), values.end(), '|', ' ');
  return values;
}

std::string completion_script(const CLI::App& root, Shell shell) {
  const std::vector<Node> nodes = nodes_of(root);
  switch (shell) {
    case Shell::kBash:
      return bash_script(nodes);
    case Shell::kZsh:
      return zsh_script(nodes);
    case Shell::kFish:
      return fish_script(nodes);
  }
  return {};
}

}  // namespace isopop::control::cli
