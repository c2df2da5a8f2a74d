#pragma once

#include <sys/resource.h>
#include <unistd.h>

namespace sluice::broker {

/// Has the calling thread run when others have nothing to do, mostly: work that nobody waits for by the millisecond
/// must not make an io thread wait for a core. On Linux a nice value is a thread's own.
inline void yield_to_other_threads() noexcept {
  constexpr int kNice = 10;
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice));
}

}  // namespace sluice::broker
