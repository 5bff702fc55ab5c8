#include "common/base/bytes.h"

/* The reflected form of the polynomial 0x04C11DB7, as IEEE 802.3 and zlib use it. */
#define CRC32_POLYNOMIAL 0xEDB88320u

uint32_t crc32_of(const void *data, size_t size) {
    const uint8_t *bytes = data;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            uint32_t low = crc & 1u;
            crc = (crc >> 1) ^ (low * CRC32_POLYNOMIAL);
        }
    }
    return ~crc;
}
