// What nats.js's transport uses of @std/io.
interface Writer {
  write(bytes: Uint8Array): Promise<number>;
}

export async function writeAll(writer: Writer, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await writer.write(bytes.subarray(at));
  }
}
