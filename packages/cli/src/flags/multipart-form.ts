import { randomUUID } from 'node:crypto'
import { basename } from 'node:path'
import { usageError } from '../command/errors.js'

/** Reads a value as curl does: `@file` is the content of a file, and `@-` is standard input. */
type ReadPart = (value: string) => Promise<Uint8Array>

/**
 * Encodes the values of `--form` as a multipart body (RFC 7578), as curl reads them: `name=content`, `name=@file` to upload a file,
 * `name=<file` to use the content of a file as a field. Each can be followed by `;type=` and `;filename=`. The platform's FormData is not
 * used, because it changes line breaks and turns every field with a type into a file.
 */
export async function encodeForm(
  values: readonly string[],
  readPart: ReadPart,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; contentType: string }> {
  const boundary = `countersign-${randomUUID()}`
  const chunks: Uint8Array[] = []
  for (const value of values) {
    const field = parseField(value)
    const { content } = field
    const bytes = /^[@<]/.test(content) ? await readPart(`@${content.slice(1)}`) : Buffer.from(content)
    chunks.push(Buffer.from(`--${boundary}\r\n${headOf(field)}\r\n\r\n`), bytes, Buffer.from('\r\n'))
  }
  chunks.push(Buffer.from(`--${boundary}--\r\n`))
  return { bytes: new Uint8Array(Buffer.concat(chunks)), contentType: `multipart/form-data; boundary=${boundary}` }
}

function headOf({ name, content, type, filename }: Field): string {
  const own = content.startsWith('@') ? basename(content.slice(1)) : undefined
  const shown = filename ?? own
  const contentType = type ?? (shown === undefined ? undefined : 'application/octet-stream')
  if (contentType !== undefined && !/^[!-~][ -~]*$/.test(contentType))
    throw usageError('--form takes a media type after type=, such as text/csv.')
  const file = shown === undefined ? '' : `; filename="${escaped(shown)}"`
  const disposition = `Content-Disposition: form-data; name="${escaped(name)}"${file}`
  return contentType === undefined ? disposition : `${disposition}\r\nContent-Type: ${contentType}`
}

/** Escapes the name of a field or file as browsers do. */
function escaped(name: string): string {
  return name.replaceAll(/\r\n|\r|\n/g, '%0D%0A').replaceAll('"', '%22')
}

interface Field {
  name: string
  content: string
  type?: string | undefined
  filename?: string | undefined
}

function parseField(value: string): Field {
  const at = value.indexOf('=')
  if (at < 1) throw usageError('--form must be name=content, or name=@file to upload a file.')
  const [content = '', ...rest] = value.slice(at + 1).split(/;(?=(?:type|filename)=)/)
  const option = (name: string) =>
    rest
      .find((each) => each.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replace(/^"(.*)"$/, '$1')
  return { name: value.slice(0, at), content, type: option('type'), filename: option('filename') }
}
