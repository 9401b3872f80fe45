#include "http/authorities.hpp"

#include <curl/curl.h>

#include <memory>

namespace meetlink::http {

std::filesystem::path system_authorities()
{
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(),
                                                                   &curl_easy_cleanup);
    const char* file = nullptr;
    if (easy) {
        curl_easy_getinfo(easy.get(), CURLINFO_CAINFO, &file);
    }
    return file == nullptr ? std::filesystem::path() : std::filesystem::path(file);
}

}  // namespace meetlink::http
