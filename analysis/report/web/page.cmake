# report_page: the page of all reports as bytes in the program (generated/report_page.h).
set(PFSIM_PAGE_GENERATED ${PROJECT_BINARY_DIR}/generated)
set(PFSIM_PAGE_BUILD ${PROJECT_BINARY_DIR}/report_web)
set(web ${CMAKE_CURRENT_LIST_DIR})
set(PFSIM_PAGE_INSTALL ${web}/install.cmake)
set(outputs ${PFSIM_PAGE_GENERATED}/report_page.c ${PFSIM_PAGE_GENERATED}/report_page.h
  ${PFSIM_PAGE_GENERATED}/report_page.html)
file(MAKE_DIRECTORY ${PFSIM_PAGE_GENERATED})

if(PFSIM_REPORT_PAGE)
  find_program(PFSIM_NODE NAMES node nodejs)
  find_program(PFSIM_NPM npm)
  if(NOT PFSIM_NODE OR NOT PFSIM_NPM)
    message(FATAL_ERROR "The HTML report is bundled with Node.js and npm, and one of them is missing. Run "
      "docker/install.sh build, or configure with -DPFSIM_REPORT_PAGE=OFF: all but the HTML page works then.")
  endif()
  add_custom_command(
    OUTPUT ${PFSIM_PAGE_BUILD}/installed
    COMMAND ${CMAKE_COMMAND} -DNPM=${PFSIM_NPM} -DFROM=${web} -DINTO=${PFSIM_PAGE_BUILD} -P ${web}/install.cmake
    DEPENDS ${web}/package.json ${web}/package-lock.json ${web}/install.cmake
    COMMENT "Report page: fetching ECharts and esbuild (npm)" VERBATIM)
  file(GLOB sources CONFIGURE_DEPENDS ${web}/src/*.js)
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${PFSIM_NODE} ${web}/build.mjs --modules ${PFSIM_PAGE_BUILD}/node_modules --out ${PFSIM_PAGE_GENERATED}
    DEPENDS ${PFSIM_PAGE_BUILD}/installed ${sources} ${web}/build.mjs ${web}/style.css ${web}/page.html
    COMMENT "Report page: bundling" VERBATIM)
else()
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${CMAKE_COMMAND} -DOUT=${PFSIM_PAGE_GENERATED} -P ${web}/without.cmake
    DEPENDS ${web}/without.cmake
    COMMENT "Report page: left out" VERBATIM)
endif()
add_custom_target(report_page_files DEPENDS ${outputs})
add_library(report_page STATIC ${PFSIM_PAGE_GENERATED}/report_page.c)
target_include_directories(report_page PUBLIC ${PFSIM_PAGE_GENERATED})
add_dependencies(report_page report_page_files)
