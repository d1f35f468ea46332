# The page of a pfsim that was built without the page: it says so, and holds the view all the same.
set(html "<!doctype html><html lang=en><meta charset=utf-8><title>pfsim report</title><p>This pfsim was built without \
its report page (PFSIM_REPORT_PAGE=OFF). The figures stand in result.json and the CSV files beside it; a pfsim that was \
built with the page makes one of them: pfsim report DIR -o FILE.html</p><!--VIEW--></html>")
string(LENGTH "${html}" len)
file(WRITE ${OUT}/report_page.html "${html}")
file(WRITE ${OUT}/report_page.h "#ifndef REPORT_PAGE_H\n#define REPORT_PAGE_H\n#include <stddef.h>\n\
extern const unsigned char analysis_report_page_bytes[];\nextern const size_t analysis_report_page_len;\n#endif\n")
file(WRITE ${OUT}/report_page.c "#include \"report_page.h\"\n\
const unsigned char analysis_report_page_bytes[] = \"${html}\";\nconst size_t analysis_report_page_len = ${len};\n")
