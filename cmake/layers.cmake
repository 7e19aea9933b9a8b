# mxcert_layer(NAME SOURCES … USES …): one folder as a static library, linked to the layers it may use.
# Which folder may include which is checked by tests/layers.sh; the drawing is in ARCHITECTURE.md.
function(mxcert_layer name)
  cmake_parse_arguments(LAYER "" "" "SOURCES;USES;PRIVATE_USES" ${ARGN})
  add_library(mxcert_${name} STATIC ${LAYER_SOURCES})
  target_include_directories(mxcert_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  target_link_libraries(mxcert_${name} PUBLIC ${LAYER_USES} PRIVATE ${LAYER_PRIVATE_USES})
  if(MXCERT_UNITY)
    set_target_properties(mxcert_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
  endif()
endfunction()

# Tests run once for every time that they are compiled: the compiler's time counts, not theirs. All are compiled alike,
# libraries and programs, so that they can share a precompiled header.
function(mxcert_compile_quickly target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -O0 -U_FORTIFY_SOURCE)
endfunction()

# mxcert_unit_test(NAME SOURCES … USES …): one test program, registered with ctest.
function(mxcert_unit_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;USES" ${ARGN})
  add_executable(unit_${name} ${TEST_SOURCES})
  target_link_libraries(unit_${name} PRIVATE mxcert_catch_main ${TEST_USES})
  mxcert_compile_quickly(unit_${name})
  if(TARGET mxcert_catch_header)
    target_precompile_headers(unit_${name} REUSE_FROM mxcert_catch_header)
  endif()
  add_test(NAME unit_${name} COMMAND unit_${name})
  set_tests_properties(unit_${name} PROPERTIES TIMEOUT 300)
endfunction()
