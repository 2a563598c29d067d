/**
 * Whether a decoded name of a parameter, form field or member is one that some framework reads as `access_token`. Frameworks ignore the case
 * of names, drop brackets, or, as PHP does, convert other characters to `_` and truncate a name at NUL.
 */
export function namesToken(name: string): boolean {
  return /^[^a-z0-9]*access[^a-z0-9]+token(?:[^a-z0-9]*$|[\0[.])/i.test(name)
}

/**
 * Like {@link namesToken}, for the names in an encoded query or form, in any number of layers of encoding. Nothing is decoded, because a form
 * of 1 MB may have hundreds of thousands of names. For the same reason, a name that could be it is taken for it if a digit of an escape is
 * itself escaped, or if an escape is one of ASP's (`%u0061`); no program writes such names.
 */
export function hasTokenParameter(encoded: string): boolean {
  return tokenParameter.test(encoded)
}

/** An escape, itself escaped any number of times, for a regular expression. */
const escaped = (digits: string) => `%(?:25)*${digits}`

/** The start of an escape whose digits are escaped, or of an escape of ASP. */
const oddEscape = escaped('(?:[0-9a-f]?%|u)')

/** A character other than a letter, a digit, or a separator of parameters. */
const other = `(?:[^a-z0-9%&;=]|%(?![0-9a-f]{2})|${escaped('(?:[0-289a-f][0-9a-f]|3[a-f]|[46]0|[57][b-f])')})`

function spelled(word: string, rest: string): string {
  return Array.from(word).reduceRight((after, letter) => {
    const code = letter.charCodeAt(0)
    const letters = `(?:${letter}|${escaped(`(?:${code.toString(16)}|${(code - 0x20).toString(16)})`)})`
    return `(?:${oddEscape}|${letters}${after})`
  }, rest)
}

const end = `(?:[[.\\0]|${escaped('(?:00|2e|5b)')}|${other}*(?:[=&;]|$))`

const tokenParameter = new RegExp(`(?:^|[&;])${other}*${spelled('access', `${other}+${spelled('token', end)}`)}`, 'i')
