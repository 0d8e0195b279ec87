#pragma once

#include <string_view>

// The files of sim/report/assets, as they are, put into the program by CMakeLists.txt.
namespace isopop::sim::assets {

extern const std::string_view k_report_html;
extern const std::string_view k_report_css;
extern const std::string_view k_report_js;

}  // namespace isopop::sim::assets
