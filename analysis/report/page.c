/* analysis/report/page.c -- the bundled page with a view put where its placeholder stands. */
#include "analysis/report/page.h"

#include <assert.h>
#include <string.h>

#include "report_page.h"
#include "sim/err.h"

static const char placeholder[] = "<!--VIEW-->";

static const char *bytes(void)
{
    return (const char *)analysis_report_page_bytes;
}

/* JSON in which nothing can end the script element that it stands in, nor a line of JavaScript:
 * these only ever occur within strings, where an escape says the same. */
static void write_escaped(struct analysis_output *to, const char *text)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "<>&\xe2");
        analysis_output_write(to, text, plain);
        text += plain;
        if (*text == '\0') {
            return;
        }
        if (strncmp(text, "\xe2\x80\xa8", 3) == 0 || strncmp(text, "\xe2\x80\xa9", 3) == 0) {
            analysis_output_print(to, "\\u202%c", text[2] == '\xa8' ? '8' : '9');
            text += 3;
        } else if (*text == '\xe2') {
            analysis_output_write(to, text++, 1);
        } else {
            analysis_output_print(to, "\\u%04x", (unsigned)*text++);
        }
    }
}

int analysis_page_write(struct analysis_output *to, const cJSON *view)
{
    char *text = cJSON_PrintUnformatted(view);
    const char *page = bytes(), *place = strstr(page, placeholder);

    if (text == NULL) {
        return SIM_ENOMEM;
    }
    assert(place != NULL); /* the bundler sees to it */
    analysis_output_write(to, page, (size_t)(place - page));
    analysis_output_print(to, "<script type=\"application/json\" id=\"view\">");
    write_escaped(to, text);
    analysis_output_print(to, "</script>");
    place += sizeof(placeholder) - 1;
    analysis_output_write(to, place, analysis_report_page_len - (size_t)(place - page));
    cJSON_free(text);
    return 0;
}

const char *analysis_page_live(size_t *len)
{
    *len = analysis_report_page_len;
    return bytes();
}
