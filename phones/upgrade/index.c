/* phones/upgrade/index.c -- see index.h. */
#include "phones/upgrade/index.h"

#include <stdlib.h>
#include <string.h>

static bool has_sum(const struct loads_file *line, const struct manifest_file *known)
{
    return line->has_md5 && (known == NULL || !known->has_digest);
}

struct upgrade_index *upgrade_index_new(const struct loads *loads, const struct manifest *manifest)
{
    size_t sums_len = 0, text = 0;

    for (size_t i = 0; i < loads->len; i++) {
        const struct manifest_file *known = manifest_find(manifest, loads->files[i].name);
        sums_len += has_sum(&loads->files[i], known);
        text += known == NULL ? strlen(loads->files[i].name) + 1 : 0;
    }
    size_t fixed = sizeof(struct upgrade_index) + loads->len * sizeof(const char *);
    struct upgrade_index *index = malloc(fixed + sums_len * sizeof(struct upgrade_sum) + text);
    if (index == NULL) {
        return NULL;
    }
    struct upgrade_sum *sums = (struct upgrade_sum *)(void *)&index->names[loads->len];
    char *at = (char *)(sums + sums_len);
    *index = (struct upgrade_index){
        .len = (uint32_t)loads->len,
        .sums_len = (uint32_t)sums_len,
        .sums = sums_len > 0 ? sums : NULL,
    };
    for (size_t i = 0; i < loads->len; i++) {
        const struct loads_file *line = &loads->files[i];
        const struct manifest_file *known = manifest_find(manifest, line->name);
        if (has_sum(line, known)) {
            *sums = (struct upgrade_sum){.file = (uint32_t)i, .size = line->size};
            memcpy(sums->md5, line->md5, sizeof(sums->md5));
            sums++;
        }
        index->names[i] = known != NULL ? known->name : at;
        if (known == NULL) {
            size_t room = strlen(line->name) + 1;
            memcpy(at, line->name, room);
            at += room;
        }
    }
    return index;
}

const struct upgrade_sum *upgrade_index_sum(const struct upgrade_index *index, uint32_t file)
{
    for (uint32_t i = 0; i < index->sums_len; i++) {
        if (index->sums[i].file == file) {
            return &index->sums[i];
        }
    }
    return NULL;
}
