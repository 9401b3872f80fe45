#include "base/startup_pages.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace meetlink {
namespace {

/// Resident pages of files, in kB (proc(5), RssFile).
long resident_of_files()
{
    std::ifstream status("/proc/self/status");
    std::string word;
    long size = 0;
    while (status >> word) {
        if (word == "RssFile:") {
            status >> size;
        }
    }
    return size;
}

TEST(StartupPages, AreGivenBackAndTheProgramGoesOn)
{
    const std::string before_them = "written before";
    const long before = resident_of_files();
    release_startup_pages();
    EXPECT_LT(resident_of_files(), before);
    EXPECT_EQ(before_them, "written before");
}

}  // namespace
}  // namespace meetlink
