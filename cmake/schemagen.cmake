# Messages generated from schemas: C++ in the build tree, never in git.

# sluice_messages(NAME SCHEMAS files...): an object library of the codecs of the schemas, whose headers are found as
# protocol/messages/<schema's name without number>.hpp by everybody who links it. Generates again only when a schema or
# the generator changed; what comes out the same keeps its modification time, so that nothing is compiled twice.
function(sluice_messages name)
  cmake_parse_arguments(arg "" "" "SCHEMAS" ${ARGN})
  set(generator "${CMAKE_SOURCE_DIR}/tools/schemagen")
  file(GLOB generator_files CONFIGURE_DEPENDS "${generator}/*.py")
  set(root "${CMAKE_BINARY_DIR}/generated")
  set(folder "${root}/protocol/messages")
  set(headers "")
  set(sources "")
  foreach(schema IN LISTS arg_SCHEMAS)
    get_filename_component(stem "${schema}" NAME_WE)
    string(REGEX REPLACE "^[0-9]+_" "" stem "${stem}")
    list(APPEND headers "${folder}/${stem}.hpp" "${folder}/${stem}_debug.hpp")
    list(APPEND sources "${folder}/${stem}.cpp" "${folder}/${stem}_debug.cpp")
  endforeach()
  list(APPEND sources "${folder}/apis.cpp" "${folder}/catalog.cpp")
  add_custom_command(OUTPUT ${headers} ${sources}
    COMMAND "${Python3_EXECUTABLE}" -B "${generator}/schemagen.py" --output "${folder}" ${arg_SCHEMAS}
    DEPENDS ${arg_SCHEMAS} ${generator_files}
    COMMENT "Generating the protocol's messages" VERBATIM)
  add_custom_target(${name}_generated DEPENDS ${headers} ${sources})
  add_library(${name} OBJECT ${sources})
  add_dependencies(${name} ${name}_generated)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
  set_source_files_properties("${folder}/catalog.cpp" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_include_directories(${name} PUBLIC "${root}")
endfunction()
