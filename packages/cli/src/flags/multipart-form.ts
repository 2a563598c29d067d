import { basename } from 'node:path'
import { usageError } from '../command/errors.js'

/** Reads a value as curl does: `@file` is the content of a file, and `@-` standard input. */
type ReadPart = (value: string) => Promise<Uint8Array>

/**
 * Encodes the values of `--form` as a multipart body, as curl reads them: `name=content`, `name=@file` to upload a file, `name=<file` for
 * the content of a file as text; each with `;type=` and `;filename=` behind it.
 */
export async function encodeForm(
  values: readonly string[],
  readPart: ReadPart,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; contentType: string }> {
  const form = new FormData()
  for (const value of values) {
    const { name, content, type, filename } = parseField(value)
    const [mark] = content
    const bytes = mark === '@' || mark === '<' ? await readPart(`@${content.slice(1)}`) : Buffer.from(content)
    // A Blob in a form is always a file; text is a field.
    if (mark !== '@' && type === undefined && filename === undefined) form.append(name, Buffer.from(bytes).toString())
    else
      form.append(
        name,
        new Blob([new Uint8Array(bytes)], { type: type ?? 'application/octet-stream' }),
        filename ?? (mark === '@' && content !== '@-' ? basename(content.slice(1)) : '-'),
      )
  }
  const encoded = new Response(form)
  return {
    bytes: new Uint8Array(await encoded.arrayBuffer()),
    contentType: encoded.headers.get('content-type') ?? 'multipart/form-data',
  }
}

interface Field {
  name: string
  content: string
  type?: string | undefined
  filename?: string | undefined
}

function parseField(value: string): Field {
  const at = value.indexOf('=')
  if (at < 1) throw usageError('--form takes name=content, or name=@file to upload a file.')
  const [content = '', ...rest] = value.slice(at + 1).split(/;(?=(?:type|filename)=)/)
  const option = (name: string) =>
    rest
      .find((each) => each.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replace(/^"(.*)"$/, '$1')
  return { name: value.slice(0, at), content, type: option('type'), filename: option('filename') }
}
