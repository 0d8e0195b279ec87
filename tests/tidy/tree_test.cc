// The tree of this project, held against every rule. A finding reads "path:line: what to do
// instead".

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/tidy/exceptions.h"
#include "tests/tidy/include_rules.h"
#include "tests/tidy/source_file.h"
#include "tests/tidy/text_rules.h"
#include "tests/tidy/tree_rules.h"

namespace isopop::tidy {
namespace {

const std::vector<SourceFile>& tree() {
  static const std::vector<SourceFile> files = [] {
    Result<std::vector<SourceFile>> read = read_tree(ISOPOP_SOURCE_DIR);
    EXPECT_TRUE(read.ok()) << read.error().message;
    return read.ok() ? std::move(read).value() : std::vector<SourceFile>();
  }();
  return files;
}

std::vector<Finding> for_each_file(
    const std::function<std::vector<Finding>(const SourceFile&)>& rule) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree()) {
    for (Finding& finding : rule(file)) findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<Finding> all_findings() {
  std::vector<Finding> findings = for_each_file([](const SourceFile& file) {
    std::vector<Finding> found;
    for (const auto& rule :
         {check_include_table, check_library_headers, check_sizes, check_columns, check_whitespace,
          check_banned_words, check_todos, check_header, check_urls}) {
      for (Finding& finding : rule(file)) found.push_back(std::move(finding));
    }
    for (Finding& finding : check_machine_paths(file, ISOPOP_SOURCE_DIR)) {
      found.push_back(std::move(finding));
    }
    return found;
  });
  for (const auto& rule : {check_cmake_lists, check_readmes, check_loose_files}) {
    for (Finding& finding : rule(tree())) findings.push_back(std::move(finding));
  }
  return findings;
}

void expect_none(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    bool is_excepted = false;
    for (const Exception& exception : exceptions()) {
      is_excepted = is_excepted || covers(exception, finding);
    }
    if (!is_excepted) ADD_FAILURE() << to_string(finding);
  }
}

TEST(TidyTest, SeesTheTree) {
  EXPECT_GT(tree().size(), 100U);
  std::size_t cpp = 0;
  for (const SourceFile& file : tree()) cpp += file.is_cpp() ? 1 : 0;
  EXPECT_GT(cpp, 50U);
}

TEST(TidyTest, FilesIncludeOnlyWhomTheyMayKnow) {
  expect_none(for_each_file(check_include_table));
}

TEST(TidyTest, LibrariesAreSeenOnlyWhereTheyBelong) {
  expect_none(for_each_file(check_library_headers));
}

TEST(TidyTest, FilesAndFunctionsAreSmall) {
  expect_none(for_each_file(check_sizes));
}

TEST(TidyTest, LinesFitTheScreen) {
  expect_none(for_each_file(check_columns));
}

TEST(TidyTest, WhitespaceIsClean) {
  expect_none(for_each_file(check_whitespace));
}

TEST(TidyTest, NoBannedWords) {
  expect_none(for_each_file(check_banned_words));
}

TEST(TidyTest, NotesForLaterNameTheirIssue) {
  expect_none(for_each_file(check_todos));
}

TEST(TidyTest, HeadersSayTheirIdea) {
  expect_none(for_each_file(check_header));
}

TEST(TidyTest, NothingNamesAMachine) {
  expect_none(for_each_file(
      [](const SourceFile& file) { return check_machine_paths(file, ISOPOP_SOURCE_DIR); }));
}

TEST(TidyTest, LinksGoToKnownHosts) {
  expect_none(for_each_file(check_urls));
}

TEST(TidyTest, EverySourceIsCompiled) {
  expect_none(check_cmake_lists(tree()));
}

TEST(TidyTest, EveryFolderSaysWhatItIsFor) {
  expect_none(check_readmes(tree()));
}

TEST(TidyTest, NoFileStandsLoose) {
  expect_none(check_loose_files(tree()));
}

TEST(TidyTest, EveryExceptionIsNeeded) {
  const std::vector<Finding> findings = all_findings();
  for (const Exception& exception : exceptions()) {
    EXPECT_FALSE(exception.reason.empty());
    bool is_needed = false;
    for (const Finding& finding : findings) is_needed = is_needed || covers(exception, finding);
    EXPECT_TRUE(is_needed) << "tests/tidy/exceptions.cc: nothing needs this any more: "
                           << exception.rule << " in " << exception.path;
  }
}

}  // namespace
}  // namespace isopop::tidy
