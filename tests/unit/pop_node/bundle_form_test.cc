#include "pop_node/worker/bundle_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>

namespace isopop::pop {
namespace {

using ::testing::HasSubstr;

v1::Bundle bundle() {
  v1::Bundle bundle;
  bundle.set_main_module("index.js");
  for (const auto& [name, type, bytes] :
       {std::tuple("index.js", v1::MODULE_TYPE_ES_MODULE, 300),
        std::tuple("lib/data.bin", v1::MODULE_TYPE_DATA, 70'000)}) {
    v1::Module& module = *bundle.add_modules();
    module.set_name(name);
    module.set_type(type);
    module.set_content(std::string(static_cast<std::size_t>(bytes), '\x1a'));
  }
  return bundle;
}

TEST(BundleFormTest, SaysWhatThereIsWithoutTheContents) {
  const Result<BundleForm> form = read_bundle_form(bundle().SerializeAsString());
  ASSERT_TRUE(form.ok());
  EXPECT_EQ(form.value().main_module, "index.js");
  ASSERT_EQ(form.value().modules.size(), 2U);
  EXPECT_EQ(form.value().modules[1].name, "lib/data.bin");
  EXPECT_EQ(form.value().modules[1].type, v1::MODULE_TYPE_DATA);
  EXPECT_EQ(form.value().modules[1].bytes, 70'000U);
  EXPECT_TRUE(check_bundle_form(form.value(), 70'300).ok());
  EXPECT_EQ(check_bundle_form(form.value(), 70'299).error().code, ErrorCode::kResourceExhausted);
}

// What protobuf's own parser takes is taken, and nothing else.
TEST(BundleFormTest, AgreesWithTheParserOnWhateverIsCutOffOrChanged) {
  v1::Bundle small = bundle();
  small.mutable_modules(1)->set_content("four");
  small.mutable_modules(0)->set_content("");
  const std::string whole = small.SerializeAsString();
  const auto agree = [](const std::string& bytes) {
    const Result<BundleForm> form = read_bundle_form(bytes);
    v1::Bundle parsed;
    if (!parsed.ParseFromString(bytes)) {
      // Protobuf also refuses names that are not UTF-8.
      return !form.ok() || std::any_of(bytes.begin(), bytes.end(), [](char c) { return c < 0; });
    }
    return form.ok() && form.value().main_module == parsed.main_module() &&
           form.value().modules.size() == static_cast<std::size_t>(parsed.modules_size());
  };
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    EXPECT_TRUE(agree(whole.substr(0, size))) << size;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_TRUE(agree(changed)) << i << ":" << bit;
    }
  }
}

TEST(BundleFormTest, TruncatedBundlesDoNotParse) {
  const std::string whole = bundle().SerializeAsString();
  for (const std::size_t size : {whole.size() - 1, whole.size() - 70'000, std::size_t{5}}) {
    EXPECT_FALSE(read_bundle_form(whole.substr(0, size)).ok()) << size;
  }
}

TEST(BundleFormTest, NamesWhatIsMissing) {
  BundleForm form = read_bundle_form(bundle().SerializeAsString()).value();
  form.main_module = "other.js";
  EXPECT_THAT(check_bundle_form(form, 1'000'000).error().message, HasSubstr("other.js"));
  form.main_module = "lib/data.bin";
  EXPECT_THAT(check_bundle_form(form, 1'000'000).error().message, HasSubstr("not an ES module"));
  form.modules.push_back(form.modules.front());
  EXPECT_THAT(check_bundle_form(form, 1'000'000).error().message, HasSubstr("two modules"));
}

}  // namespace
}  // namespace isopop::pop
