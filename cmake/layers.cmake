# One static library a top-level folder. Each folder is reached through an include directory of its own that holds
# nothing else, and a target hands its directory only to those that link it: an include of a layer that a target
# does not link fails to compile, just as a call into it fails to link.

# sluice_layer(NAME LINKS targets... PRECOMPILE headers...): the library sluice_NAME of every .cpp below this folder.
function(sluice_layer name)
  cmake_parse_arguments(arg "" "" "LINKS;PRECOMPILE;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  foreach(excluded IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${excluded}")
  endforeach()
  add_library(sluice_${name} STATIC ${sources})
  sluice_include_root(${name} root)
  target_include_directories(sluice_${name} PUBLIC "${root}")
  target_link_libraries(sluice_${name} PUBLIC ${arg_LINKS})
  if(arg_PRECOMPILE)
    target_precompile_headers(sluice_${name} PRIVATE ${arg_PRECOMPILE})
  endif()
endfunction()

function(sluice_include_root name out)
  set(root "${CMAKE_BINARY_DIR}/include/${name}")
  file(MAKE_DIRECTORY "${root}")
  if(NOT EXISTS "${root}/${name}")
    file(CREATE_LINK "${CMAKE_SOURCE_DIR}/${name}" "${root}/${name}" SYMBOLIC)
  endif()
  set(${out} "${root}" PARENT_SCOPE)
endfunction()
