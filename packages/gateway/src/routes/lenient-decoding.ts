/** The name of a parameter after decoding up to three layers of encoding. */
export function parameterName(encodedName: string): string {
  return parameterLayers(encodedName).at(-1) as string
}

/** A parameter name or value after decoding each of up to three layers of encoding. */
export function parameterLayers(encoded: string): string[] {
  if (!/[%+]/.test(encoded)) return [encoded]
  let text = encoded.replaceAll('+', ' ')
  const layers = text.includes('%') ? [] : [text]
  for (let layer = 0; layer < 3 && text.includes('%'); layer++) {
    const decoded = lenientlyDecoded(text)
    if (decoded === text && layer > 0) break
    text = decoded
    layers.push(text)
  }
  return layers
}

/**
 * Decodes one layer of encoding as far as possible, and leaves the rest unchanged. ASP also decodes `%u005F`, and substitutes the closest
 * letter for a letter that it does not have. Avoids a callback per escape, because a query may contain thousands of them (G45).
 */
function lenientlyDecoded(text: string): string {
  let decoded = ''
  let from = 0
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', Math.max(from, at + 1))) {
    const isUnicode = (text.charCodeAt(at + 1) | 0x20) === 0x75
    const [start, length] = isUnicode ? [at + 2, 4] : [at + 1, 2]
    const code = hexAt(text, start, length)
    if (code === undefined) continue
    const character = String.fromCharCode(code)
    decoded += text.slice(from, at) + (isUnicode ? character.normalize('NFKC') : character)
    from = start + length
  }
  return decoded + text.slice(from)
}

/** The characters of JSON escapes. */
const whitespace: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: ' ', f: '\f' }

/** Removes the escapes from a JSON string. */
export function unescaped(raw: string): string {
  let text = ''
  let from = 0
  for (let at = raw.indexOf('\\'); at !== -1; at = raw.indexOf('\\', from)) {
    const mark = raw[at + 1] ?? ''
    text += raw.slice(from, at)
    from = at + 1
    const digits = mark === 'u' || mark === 'U' ? 4 : mark === 'x' || mark === 'X' ? 2 : 0
    const code = digits === 0 ? undefined : hexAt(raw, from + 1, digits)
    if (code !== undefined) {
      text += String.fromCharCode(code)
      from += 1 + digits
    } else if (mark !== '') {
      text += whitespace[mark] ?? mark
      from += 1
    }
  }
  return text + raw.slice(from)
}

/** The number that the given hex digits represent; undefined if not all of them are hex digits. */
function hexAt(text: string, start: number, length: number): number | undefined {
  let value = 0
  for (let at = start; at < start + length; at++) {
    const code = text.charCodeAt(at)
    const isDigit = code >= 0x30 && code <= 0x39
    const lower = code | 0x20
    if (!isDigit && !(lower >= 0x61 && lower <= 0x66)) return undefined
    value = value * 16 + (isDigit ? code - 0x30 : lower - 0x57)
  }
  return value
}
