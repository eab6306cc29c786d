/** SeaBIOS boots no virtio disk that is much smaller. */
const diskBytes = 1024 * 1024

/**
 * The disk of the smallest machine there is: a boot sector that writes a text to the serial port (8250 at 0x3f8) and
 * halts. At most 480 bytes of text.
 */
export function bootDisk(text: string): Uint8Array {
  const code = [
    [0xfc, 0xfa], // cld; cli
    [0x31, 0xc0, 0x8e, 0xd8], // xor ax, ax; mov ds, ax
    [0xbe, 0x17, 0x7c], // mov si, 0x7c17: the text, behind this code
    [0xba, 0xf8, 0x03], // mov dx, 0x3f8
    [0xac, 0x84, 0xc0, 0x74, 0x03], // next: lodsb; test al, al; jz halt
    [0xee, 0xeb, 0xf8], // out dx, al; jmp next
    [0xf4, 0xeb, 0xfd], // halt: hlt; jmp halt
  ].flat()
  const disk = Buffer.alloc(diskBytes)
  disk.set(code)
  disk.write(`${text}\0`, code.length)
  disk.set([0x55, 0xaa], 510)
  return disk
}
