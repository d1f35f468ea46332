/* analysis/report/view_trees.c -- the time that each file takes, from the result; transfers.csv,
 * read twice: which files there are, then who got them from whom in the sites that were chosen. */
#include "analysis/report/view_trees.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/json.h"
#include "analysis/report/view_parts.h"
#include "sim/err.h"

enum { PHONE, FILE_NAME, FROM, VIA, START, END, BYTES, OUTCOME };
static const char *const columns[] = {"phone", "file",  "from",    "via", "start_s",
                                      "end_s", "bytes", "outcome", NULL};

enum { VIEW_LABEL_MAX = 2064 }; /* two names */
enum { CELLS_MAX = 16 << 20 };  /* of the grid: 384 MB at most, for a site of a million phones */

struct trees {
    struct view_run *run;
    struct analysis_words_table files;
    double sizes[VIEW_FILES_MAX];    /* of their largest transfers */
    size_t shown_files;              /* the largest so many have columns in the grid */
    uint32_t column[VIEW_FILES_MAX]; /* of a file; ANALYSIS_WORDS_NONE: not in the grid */
    uint32_t file_of[VIEW_FILES_MAX];
    struct view_cell *cells; /* phones x shown_files */
};

/* ---- Times ---- */

static bool same_text(const cJSON *a, const cJSON *b)
{
    return cJSON_IsString(a) && cJSON_IsString(b) && strcmp(a->valuestring, b->valuestring) == 0;
}

/* "x.sbn", or "x.sbn (CP-7961G)" when another model has a file of that name. */
static void label_of(const cJSON *files, const cJSON *file, char out[VIEW_LABEL_MAX])
{
    const char *name = cJSON_GetStringValue(analysis_json_get(file, "file"));
    const char *model = cJSON_GetStringValue(analysis_json_get(file, "model"));
    const cJSON *other;
    bool alike = false;

    cJSON_ArrayForEach(other, files)
    {
        alike = alike || (other != file && same_text(analysis_json_get(other, "file"),
                                                     analysis_json_get(file, "file")));
    }
    name = name != NULL ? name : "?";
    if (alike && model != NULL) {
        snprintf(out, VIEW_LABEL_MAX, "%s (%s)", name, model);
    } else {
        snprintf(out, VIEW_LABEL_MAX, "%s", name);
    }
}

/* TIMES of a spread: null when nothing was counted. */
static int add_times(cJSON *to, const char *key, const cJSON *spread)
{
    static const char *const names[] = {"count", "p5", "p50", "p95", "max"};
    const cJSON *count = analysis_json_get(spread, "count");

    if (!cJSON_IsNumber(count) || !(count->valuedouble > 0)) {
        return cJSON_AddNullToObject(to, key) == NULL ? SIM_ENOMEM : 0;
    }
    cJSON *o = cJSON_AddObjectToObject(to, key);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const cJSON *value = analysis_json_get(spread, names[i]);
        double number = cJSON_IsNumber(value) ? view_us(value->valuedouble) : (double)NAN;
        if (cJSON_AddNumberToObject(o, names[i], number) == NULL) { /* NAN gives null */
            return SIM_ENOMEM;
        }
    }
    return 0;
}

/* The run counted whole transfers only; tails of resumed ones stand in transfers.csv as well. */
static int add_files(struct view_run *run)
{
    const cJSON *files = analysis_json_get(run->result, "files"), *file;
    cJSON *list = view_list(run->view, "files");
    size_t len = 0;
    int rc = 0;

    if (!cJSON_IsArray(files)) {
        return view_missing(run, "the result has no files", "times per file are not shown");
    }
    cJSON_ArrayForEach(file, files)
    {
        char label[VIEW_LABEL_MAX];
        if (!(view_number(file, "peer", "count") > 0) &&
            !(view_number(file, "server", "count") > 0)) {
            continue; /* nobody got it whole */
        }
        cJSON *o = cJSON_CreateObject();
        label_of(files, file, label);
        if (!cJSON_AddItemToArray(list, o) || cJSON_AddStringToObject(o, "file", label) == NULL) {
            return SIM_ENOMEM;
        }
        const cJSON *size = analysis_json_get(file, "size");
        double bytes = cJSON_IsNumber(size) ? size->valuedouble : (double)NAN;
        rc = cJSON_AddNumberToObject(o, "size", bytes) == NULL ? SIM_ENOMEM : 0;
        rc = rc != 0 ? rc : add_times(o, "peer", analysis_json_get(file, "peer"));
        rc = rc != 0 ? rc : add_times(o, "server", analysis_json_get(file, "server"));
        if (rc != 0 || ++len == VIEW_FILES_MAX) {
            break;
        }
    }
    return rc;
}

/* ---- First time: files ---- */

static int take_file(struct trees *t, const struct analysis_csv *csv, char why[ANALYSIS_WHY_MAX])
{
    double start = 0, end = 0, bytes = 0;

    if (analysis_csv_value(csv, START, &start, why) != 0 ||
        analysis_csv_value(csv, END, &end, why) != 0 ||
        analysis_csv_number(csv, BYTES, &bytes, why) != 0) {
        return SIM_EINVAL;
    }
    if (t->files.len == VIEW_FILES_MAX &&
        analysis_words_find(&t->files, analysis_csv_text(csv, FILE_NAME)) == ANALYSIS_WORDS_NONE) {
        return 0;
    }
    uint32_t number = analysis_words_put(&t->files, analysis_csv_text(csv, FILE_NAME));
    if (number == ANALYSIS_WORDS_NONE) {
        return SIM_ENOMEM;
    }
    t->sizes[number] = fmax(t->sizes[number], isnan(bytes) ? 0 : bytes);
    return 0;
}

static int read_files(struct trees *t)
{
    char why[ANALYSIS_WHY_MAX];
    struct analysis_csv *csv = view_csv(t->run, "transfers.csv", columns, "trees are not shown");
    int rc = 0, more = csv != NULL;

    while (more > 0 && rc == 0 && (more = analysis_csv_next(csv, why)) > 0) {
        rc = take_file(t, csv, why);
    }
    analysis_csv_close(csv);
    if (rc == SIM_EINVAL || more < 0) {
        rc = view_missing(t->run, why, "what stands behind it is not in this report");
    }
    return rc;
}

/* ---- Second time: the grid ---- */

/* Columns in the order in which files first came, for the largest ones when not all fit. */
static int make_grid(struct trees *t)
{
    size_t phones = t->run->phone_names.len > 0 ? t->run->phone_names.len : 1;
    size_t most = CELLS_MAX / phones > 0 ? CELLS_MAX / phones : 1;

    for (size_t i = 0; i < t->files.len; i++) {
        size_t larger = 0; /* files before it in order of size */
        for (size_t k = 0; k < t->files.len; k++) {
            larger += t->sizes[k] > t->sizes[i] || (k < i && !(t->sizes[k] < t->sizes[i]));
        }
        t->column[i] = ANALYSIS_WORDS_NONE;
        if (larger < most) {
            t->file_of[t->shown_files] = (uint32_t)i;
            t->column[i] = (uint32_t)t->shown_files++;
        }
    }
    t->cells = calloc(phones * t->shown_files + 1, sizeof(*t->cells));
    return t->cells == NULL ? SIM_ENOMEM : 0;
}

static int take_cell(struct trees *t, const struct analysis_csv *csv, char why[ANALYSIS_WHY_MAX])
{
    const struct view_run *run = t->run;
    uint32_t phone = analysis_words_find(&run->phone_names, analysis_csv_text(csv, PHONE));

    if (phone == ANALYSIS_WORDS_NONE || run->phones[phone].site == ANALYSIS_WORDS_NONE ||
        !run->sites[run->phones[phone].site].with_trees) {
        return 0;
    }
    uint32_t file = analysis_words_find(&t->files, analysis_csv_text(csv, FILE_NAME));
    uint32_t column = file == ANALYSIS_WORDS_NONE ? file : t->column[file];
    if (column == ANALYSIS_WORDS_NONE) {
        return 0;
    }
    double end = 0, bytes = 0;
    if (analysis_csv_value(csv, END, &end, why) != 0 ||
        analysis_csv_number(csv, BYTES, &bytes, why) != 0) {
        return SIM_EINVAL;
    }
    struct view_cell *cell = &t->cells[(size_t)phone * t->shown_files + column];
    bool ok = strcmp(analysis_csv_text(csv, OUTCOME), "ok") == 0;
    /* A phone that begins anew may get it twice; what it held last counts. */
    if (!ok && (cell->held || !(bytes > 0))) {
        return 0;
    }
    const char *from = analysis_csv_text(csv, FROM);
    uint32_t sender = analysis_words_find(&run->phone_names, from);
    cell->from = strcmp(from, "server") == 0 ? 1 : sender == ANALYSIS_WORDS_NONE ? 0 : sender + 2;
    cell->held = ok;
    cell->done = end;
    return 0;
}

static int read_cells(struct trees *t)
{
    char path[ANALYSIS_PATH_MAX], why[ANALYSIS_WHY_MAX];
    struct analysis_csv *csv = NULL;
    int rc = make_grid(t);

    if (rc != 0 || !view_path(t->run, "transfers.csv", path) ||
        analysis_csv_open(&csv, path, columns, why) != 0) {
        return rc; /* a file that can't be read was said at the first time */
    }
    while (rc == 0 && analysis_csv_next(csv, why) > 0) {
        rc = take_cell(t, csv, why);
    }
    analysis_csv_close(csv);
    return rc == SIM_EINVAL ? 0 : rc;
}

/* ---- Trees ---- */

/* A tree while it is made; all lists have room for every phone. */
struct tree {
    uint32_t *order; /* phones by site (worst first), model, number */
    const struct view_cell **cells;
    uint32_t *phones;
    int32_t *place, *parents, *kept;
    uint32_t *depths;
    size_t len;
    size_t left;   /* of ANALYSIS_VIEW_NODES */
    size_t listed; /* trees */
    size_t alone;  /* of these: no phone got the file from another */
    bool chosen;   /* some are left out for want of room */
    bool cut;      /* below a depth */
    bool crowded;  /* already at the top there are more than fit */
};

static bool is_text(const cJSON *o, const char *key, const char *text)
{
    const char *value = cJSON_GetStringValue(analysis_json_get(o, key));
    return value != NULL && strcmp(value, text) == 0;
}

/* The result's entry of the tree, NULL when it lists others. */
static const cJSON *entry_of(const struct view_run *run, const char *site, const char *model,
                             const char *file)
{
    const cJSON *tree;

    cJSON_ArrayForEach(tree, analysis_json_get(run->result, "trees"))
    {
        if (is_text(tree, "site", site) && is_text(tree, "model", model) &&
            is_text(tree, "file", file)) {
            return tree;
        }
    }
    return NULL;
}

/* Worth showing though nobody shared: a root was elected, or somebody failed to get the file. Trees
 * that the result does not list may be of phones that share nothing. */
static bool is_told(const struct trees *t, const struct tree *tree, size_t column)
{
    const struct view_run *run = t->run;
    bool lost = false;

    if (tree->len == 0) {
        return false;
    }
    for (size_t i = 0; i < tree->len; i++) {
        lost = lost || (tree->cells[i]->from > 0 && !tree->cells[i]->held);
    }
    const struct view_phone *first = &run->phones[tree->phones[0]];
    const cJSON *entry =
        entry_of(run, run->site_names.words[first->site], run->models.words[first->model],
                 t->files.words[t->file_of[column]]);
    return entry != NULL && (lost || cJSON_IsString(analysis_json_get(entry, "root")));
}

static int add_head(struct trees *t, const struct tree *tree, cJSON *o, size_t column)
{
    const struct view_run *run = t->run;
    const struct view_phone *first = &run->phones[tree->phones[0]];
    const char *site = run->site_names.words[first->site];
    const char *model = run->models.words[first->model];
    const char *file = t->files.words[t->file_of[column]];
    const cJSON *entry = entry_of(run, site, model, file);
    const char *root = cJSON_GetStringValue(analysis_json_get(entry, "root"));
    double roots = cJSON_IsNumber(analysis_json_get(entry, "roots"))
                       ? analysis_json_get(entry, "roots")->valuedouble
                       : 1;
    double earliest = INFINITY;

    for (size_t i = 0; i < tree->len && entry == NULL; i++) {
        if (tree->parents[i] == VIEW_PARENT_SERVER && tree->cells[i]->held &&
            tree->cells[i]->done < earliest) {
            earliest = tree->cells[i]->done;
            root = run->phone_names.words[tree->phones[i]];
        }
    }
    if (cJSON_AddStringToObject(o, "site", site) == NULL ||
        cJSON_AddStringToObject(o, "model", model) == NULL ||
        cJSON_AddStringToObject(o, "file", file) == NULL ||
        cJSON_AddNumberToObject(o, "re_elected", fmax(roots - 1, 0)) == NULL) {
        return SIM_ENOMEM;
    }
    return (root != NULL ? cJSON_AddStringToObject(o, "root", root)
                         : cJSON_AddNullToObject(o, "root")) == NULL
               ? SIM_ENOMEM
               : 0;
}

static int add_nodes(struct trees *t, struct tree *tree, cJSON *o, uint32_t depth)
{
    cJSON *phone = view_list(o, "phone"), *parent = view_list(o, "parent");
    cJSON *done = view_list(o, "done"), *outcome = view_list(o, "outcome");
    int32_t kept = 0;
    int rc = 0;

    for (size_t i = 0; i < tree->len; i++) {
        bool fits = tree->depths[i] <= depth && (size_t)kept < tree->left;
        /* The first tree may stand too wide at depth 0, where nobody is another's parent. */
        tree->crowded = tree->crowded || (tree->depths[i] <= depth && !fits);
        tree->kept[i] = fits ? kept++ : -1;
    }
    for (size_t i = 0; i < tree->len && rc == 0; i++) {
        const struct view_cell *cell = tree->cells[i];
        uint32_t number = tree->phones[i];
        int32_t above = tree->parents[i];
        if (tree->kept[i] < 0) {
            continue;
        }
        rc = view_add_text(phone, t->run->phone_names.words[number]);
        rc = rc != 0 ? rc : view_add(parent, above >= 0 ? tree->kept[above] : above);
        rc = rc != 0 ? rc : view_add(done, cell->held ? view_ms(cell->done) : (double)NAN);
        rc = rc != 0 ? rc : view_add_text(outcome, view_outcomes[t->run->phones[number].outcome]);
    }
    tree->left -= (size_t)kept;
    tree->listed++;
    return rc;
}

/* The file in `column` among the phones order[first..first+len-1], of one site and model. */
static int add_tree(struct trees *t, struct tree *tree, cJSON *list, const uint32_t *group,
                    size_t len, size_t column)
{
    bool shared = false;

    tree->len = 0;
    for (size_t i = 0; i < len; i++) {
        const struct view_cell *cell = &t->cells[(size_t)group[i] * t->shown_files + column];
        uint8_t outcome = t->run->phones[group[i]].outcome;
        shared = shared || cell->from > 1;
        /* Who neither got it nor failed did not want it. */
        if (cell->from > 0 || (strcmp(view_outcomes[outcome], "upgraded") != 0 &&
                               strcmp(view_outcomes[outcome], "current") != 0)) {
            tree->cells[tree->len] = cell;
            tree->phones[tree->len] = group[i];
            tree->place[group[i]] = (int32_t)tree->len++;
        }
    }
    int rc = 0;
    /* The first one is shown whatever it takes. */
    bool fits = tree->len <= tree->left || tree->listed == 0;
    bool worth = shared || is_told(t, tree, column);
    bool listed = worth && fits && tree->listed < VIEW_TREES_MAX;
    tree->chosen = tree->chosen || (worth && !listed);
    if (listed) {
        tree->alone += !shared;
        cJSON *o = cJSON_CreateObject();
        uint32_t depth = UINT32_MAX;
        view_trees_link(tree->cells, tree->len, tree->place, tree->parents, tree->depths);
        if (tree->len > tree->left) {
            depth = view_trees_cut(tree->depths, tree->len, tree->left);
            tree->cut = true;
        }
        rc = !cJSON_AddItemToArray(list, o) ? SIM_ENOMEM : add_head(t, tree, o, column);
        rc = rc != 0 ? rc : add_nodes(t, tree, o, depth);
    }
    for (size_t i = 0; i < tree->len; i++) {
        tree->place[tree->phones[i]] = -1;
    }
    return rc;
}

static int compare_phones(const void *a, const void *b, void *context)
{
    const struct view_run *run = context;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const struct view_phone *x = &run->phones[i], *y = &run->phones[k];
    uint32_t x_rank = run->sites[x->site].rank, y_rank = run->sites[y->site].rank;

    if (x_rank != y_rank) {
        return x_rank < y_rank ? -1 : 1;
    }
    if (x->model != y->model) {
        return x->model < y->model ? -1 : 1;
    }
    return i < k ? -1 : i > k;
}

static int add_how(cJSON *trees, const struct tree *tree, double of)
{
    char text[400], a[48], b[VIEW_WHOLE_MAX];

    if (of == 0 && tree->listed == 0) {
        snprintf(text, sizeof(text), "No file was shared between phones.");
    } else if (tree->listed == 0) {
        snprintf(text, sizeof(text), "None of %s can be shown.", view_count(of, "tree", a));
    } else if ((double)tree->listed >= of) {
        snprintf(text, sizeof(text), of == 1 ? "The only tree." : "All %s.",
                 view_count((double)tree->listed, "tree", a));
    } else if (!tree->chosen) {
        snprintf(text, sizeof(text), "%s of %s: in the others no phone began the file.",
                 view_whole((double)tree->listed, b), view_count(of, "tree", a));
    } else {
        snprintf(text, sizeof(text),
                 "%s of %s: of the sites that failed or were last, the worst one of each class "
                 "of sites first.",
                 view_whole((double)tree->listed, b), view_count(of, "tree", a));
    }
    if (tree->alone > 0) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, " Nothing was shared in %s.",
                 view_whole((double)tree->alone, b));
    }
    if (tree->cut) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len,
                 " It has more than %d phones: those that stand further down %s left out.",
                 ANALYSIS_VIEW_NODES, tree->crowded ? "and the last at the top are" : "are");
    }
    return cJSON_AddStringToObject(trees, "how", text) == NULL ||
                   cJSON_AddNumberToObject(trees, "of", of) == NULL
               ? SIM_ENOMEM
               : 0;
}

static int add_groups(struct trees *t, struct tree *tree, cJSON *list)
{
    const struct view_run *run = t->run;
    size_t phones = 0;
    int rc = 0;

    tree->chosen = t->shown_files < t->files.len;
    for (uint32_t i = 0; i < run->site_names.len; i++) {
        tree->chosen = tree->chosen || (run->sites[i].phones > 0 && !run->sites[i].with_trees);
    }
    for (uint32_t i = 0; i < run->phone_names.len; i++) {
        tree->place[i] = -1;
        if (run->phones[i].site != ANALYSIS_WORDS_NONE &&
            run->sites[run->phones[i].site].with_trees) {
            tree->order[phones++] = i;
        }
    }
    /* The comparison only reads. */
    qsort_r(tree->order, phones, sizeof(*tree->order), compare_phones, (void *)(uintptr_t)run);
    for (size_t first = 0, len; first < phones && rc == 0; first += len) {
        const struct view_phone *p = &run->phones[tree->order[first]];
        for (len = 1; first + len < phones; len++) {
            const struct view_phone *q = &run->phones[tree->order[first + len]];
            if (q->site != p->site || q->model != p->model) {
                break;
            }
        }
        for (size_t column = 0; column < t->shown_files && rc == 0; column++) {
            rc = add_tree(t, tree, list, tree->order + first, len, column);
        }
    }
    return rc;
}

static int add_trees(struct trees *t)
{
    size_t len = t->run->phone_names.len + 1;
    struct tree tree = {
        .order = malloc(len * sizeof(*tree.order)),
        .cells = malloc(len * sizeof(*tree.cells)),
        .phones = malloc(len * sizeof(*tree.phones)),
        .place = malloc(len * sizeof(*tree.place)),
        .parents = malloc(len * sizeof(*tree.parents)),
        .kept = malloc(len * sizeof(*tree.kept)),
        .depths = malloc(len * sizeof(*tree.depths)),
        .left = ANALYSIS_VIEW_NODES,
    };
    cJSON *trees = cJSON_GetObjectItemCaseSensitive(t->run->view, "trees");
    cJSON *list = view_list(trees, "list");
    int rc = SIM_ENOMEM;

    if (tree.order != NULL && tree.cells != NULL && tree.phones != NULL && tree.place != NULL &&
        tree.parents != NULL && tree.kept != NULL && tree.depths != NULL && list != NULL) {
        rc = add_groups(t, &tree, list);
    }
    double of = view_number(t->run->result, "trees_summary", "count");
    rc = rc != 0 ? rc : add_how(trees, &tree, isnan(of) ? (double)tree.listed : of);
    free(tree.order);
    free(tree.cells);
    free(tree.phones);
    free(tree.place);
    free(tree.parents);
    free(tree.kept);
    free(tree.depths);
    return rc;
}

int view_trees_read(struct view_run *run)
{
    struct trees *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return SIM_ENOMEM;
    }
    t->run = run;
    int rc = add_files(run);
    rc = rc != 0 ? rc : read_files(t);
    rc = rc != 0 ? rc : read_cells(t);
    rc = rc != 0 ? rc : add_trees(t);
    analysis_words_deinit(&t->files);
    free(t->cells);
    free(t);
    return rc;
}
