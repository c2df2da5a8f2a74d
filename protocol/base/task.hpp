#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace sluice {

/// A piece of work to run once: like std::function<void()>, but what it holds need only be movable.
class Task {
 public:
  Task() noexcept = default;
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, Task> && std::is_invocable_v<F&>) Task(F&& work)
      : held_(std::make_unique<Held<std::decay_t<F>>>(std::forward<F>(work))) {}  // NOLINT: converts

  explicit operator bool() const noexcept { return held_ != nullptr; }
  void operator()() { held_->run(); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void run() = 0;
  };
  template <class F>
  struct Held final : Base {
    explicit Held(F&& given) : work(std::move(given)) {}
    explicit Held(const F& given) : work(given) {}
    void run() override { work(); }
    F work;
  };

  std::unique_ptr<Base> held_;
};

}  // namespace sluice
