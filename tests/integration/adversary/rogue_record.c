#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/adversary/rogue.h"

void records_add(struct records *records, bool sent, uint8_t agent, const uint8_t *bytes,
                 size_t size) {
    if (records->n == FRAMES_MAX) {
        return;
    }
    struct record *record = &records->at[records->n];
    record->bytes = malloc(size);
    ensure(record->bytes != NULL);
    memcpy(record->bytes, bytes, size);
    record->sent = sent;
    record->agent = agent;
    record->size = (uint32_t)size;
    records->n++;
}

bool records_save(const struct records *records, const char *path) {
    FILE *file = fopen(path, "wb");
    bool good = file != NULL;
    for (size_t i = 0; good && i < records->n; i++) {
        const struct record *record = &records->at[i];
        uint8_t head[2] = {record->sent, record->agent};
        good = fwrite(head, 1, sizeof head, file) == sizeof head &&
               fwrite(&record->size, sizeof record->size, 1, file) == 1 &&
               fwrite(record->bytes, 1, record->size, file) == record->size;
    }
    return file != NULL && fclose(file) == 0 && good;
}

bool records_load(struct records *records, const char *path) {
    static uint8_t bytes[FRAME_CONFIG_MAX];
    FILE *file = fopen(path, "rb");
    uint8_t head[2];
    uint32_t size = 0;
    if (file == NULL) {
        return false;
    }
    while (fread(head, 1, sizeof head, file) == sizeof head &&
           fread(&size, sizeof size, 1, file) == 1 && size <= sizeof bytes &&
           fread(bytes, 1, size, file) == size) {
        records_add(records, head[0] != 0, head[1], bytes, size);
    }
    (void)fclose(file);
    return records->n > 0;
}
