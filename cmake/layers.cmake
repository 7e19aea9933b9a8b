# mxcert_layer(NAME SOURCES … USES …): one folder as a static library, linked to the layers it may use.
# Which folder may include which is checked by tests/layers.sh; the drawing is in ARCHITECTURE.md.
function(mxcert_layer name)
  cmake_parse_arguments(LAYER "" "" "SOURCES;USES;PRIVATE_USES" ${ARGN})
  add_library(mxcert_${name} STATIC ${LAYER_SOURCES})
  target_include_directories(mxcert_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  target_link_libraries(mxcert_${name} PUBLIC ${LAYER_USES} PRIVATE ${LAYER_PRIVATE_USES})
endfunction()

# mxcert_unit_test(NAME SOURCES … USES …): one test program, registered with ctest.
function(mxcert_unit_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;USES" ${ARGN})
  add_executable(unit_${name} ${TEST_SOURCES})
  target_link_libraries(unit_${name} PRIVATE mxcert_catch_main ${TEST_USES})
  add_test(NAME unit_${name} COMMAND unit_${name})
  set_tests_properties(unit_${name} PROPERTIES TIMEOUT 300)
endfunction()
