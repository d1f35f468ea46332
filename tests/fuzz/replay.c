/* tests/fuzz/replay.c -- runs a fuzz target over the files of a corpus, for compilers without
 * libFuzzer.
 *
 * Usage: fuzz_NAME PATH...; a folder means every file in it. Fails when it found no input at all.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    size_t cap = 1 << 20;
    uint8_t *bytes = malloc(cap);
    size_t len = bytes == NULL ? 0 : fread(bytes, 1, cap, file);
    fclose(file);
    /* An exact copy on the heap, so that ASan sees one byte too far. */
    uint8_t *exact = malloc(len > 0 ? len : 1);
    for (size_t i = 0; i < len; i++) {
        exact[i] = bytes[i];
    }
    free(bytes);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 1;
}

static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        return replay_file(path);
    }
    int count = 0;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char name[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        int got = replay_file(name);
        if (got < 0) {
            closedir(dir);
            return -1;
        }
        count += got;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        int got = replay(argv[i]);
        if (got < 0) {
            return 1;
        }
        count += got;
    }
    printf("%d inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
