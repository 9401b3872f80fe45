# Writes the table of compiled-in pages: cmake -D PAGES=<a;b;c> -D OUTPUT=.. -P assets.cmake
# Content as an escaped string literal, so that any byte may be in a page; its hash is the ETag.
set(entries "")
set(count 0)
foreach(page IN LISTS PAGES)
  get_filename_component(name ${page} NAME)
  file(SHA256 ${page} hash)
  string(SUBSTRING ${hash} 0 16 tag)
  file(READ ${page} content HEX)
  string(LENGTH "${content}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" content "${content}")
  string(APPEND entries "    Asset{\"${name}\", \"\\\"${tag}\\\"\", {\"${content}\", ${size}}},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUTPUT} "#include \"web/asset.hpp\"

#include <array>

namespace meetlink::web {

namespace {

constexpr std::array<Asset, ${count}> all{
${entries}};

}  // namespace

std::span<const Asset> assets()
{
    return all;
}

}  // namespace meetlink::web
")
