#include "base/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace meetlink {
namespace {

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor()
    {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

std::string last_error()
{
    std::string text = std::strerror(errno);
    if (!text.empty() && text.front() >= 'A' && text.front() <= 'Z') {
        text.front() = static_cast<char>(text.front() - 'A' + 'a');
    }
    return text;
}

}  // namespace

std::variant<SecretFile, std::string> read_secret_file(const std::filesystem::path& path)
{
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
        return last_error();
    }
    if (S_ISDIR(status.st_mode)) {
        return "is a directory";
    }
    SecretFile result{Secret::of_size(max_secret_file + 1), (status.st_mode & S_IROTH) != 0};
    std::size_t size = 0;
    while (size < result.content.size()) {
        const ssize_t n =
            ::read(file.get(), result.content.data() + size, result.content.size() - size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return last_error();
        }
        if (n == 0) {
            break;
        }
        size += static_cast<std::size_t>(n);
    }
    if (size > max_secret_file) {
        return "is longer than " + std::to_string(max_secret_file) + " bytes";
    }
    if (size > 0 && result.content.reveal()[size - 1] == '\n') {
        --size;
        if (size > 0 && result.content.reveal()[size - 1] == '\r') {
            --size;
        }
    }
    // a copy of the right size; the large buffer is wiped as it goes
    result.content = Secret(result.content.reveal().substr(0, size));
    return result;
}

}  // namespace meetlink
