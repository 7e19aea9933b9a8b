#pragma once
#include <unistd.h>

#include <memory>
#include <utility>

namespace mxcert {

template <auto free_function>
struct HandleDeleter {
  template <typename T>
  void operator()(T* object) const noexcept {
    free_function(object);
  }
};

/// Owns a C object from the line that acquires it: `Handle<X509, X509_free> leaf(X509_new());`. Borrowers take `T&`.
template <typename T, auto free_function>
using Handle = std::unique_ptr<T, HandleDeleter<free_function>>;

/// Owns a file descriptor.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int descriptor) noexcept : descriptor_(descriptor) {}
  Fd(Fd&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.descriptor_, -1));
    return *this;
  }
  ~Fd() { reset(); }

  int get() const noexcept { return descriptor_; }
  /// Gives it to someone else who closes it.
  int release() noexcept { return std::exchange(descriptor_, -1); }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }
  void reset(int descriptor = -1) noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = descriptor;
  }

 private:
  int descriptor_ = -1;
};

}  // namespace mxcert
