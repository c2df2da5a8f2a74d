# Compiler, flags, cache and linker: the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

# SLUICE_ASSERT is ours and stays on; NDEBUG only silences the libraries' own.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
add_compile_options(-Wall -Wextra -Wpedantic -Werror -fno-omit-frame-pointer)

if(SLUICE_SANITIZE)
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -g1")
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
  # GCC 12 reports false positives of these at -O1 with sanitizers (GCC bugs 105562, 105593).
  add_compile_options(-Wno-maybe-uninitialized -Wno-uninitialized)
  if(SLUICE_SANITIZE MATCHES "thread")
    add_compile_options(-Wno-tsan)  # GCC warns of atomic fences in Asio, which it can't instrument
  endif()
endif()

find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE)
  # Paths relative to the checkout, so that all build directories of a checkout share the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
    "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime" "${SLUICE_CCACHE}")
  add_compile_options(-fpch-preprocess)
endif()

find_program(SLUICE_MOLD mold)
if(SLUICE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
