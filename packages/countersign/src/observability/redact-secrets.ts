/**
 * Tokens, codes and session ids by their prefixes, and anything in the form of a JWT. Whatever stands before them: a path may
 * run into them, and in JSON a line ends with the letter n.
 */
const secrets = /(aa(?:rq|cd|rt|sn|br)_|eyJ)[\w.-]+/g

/** A text without the secrets in it: only how they begin. */
export function redactSecrets(text: string): string {
  return text.replaceAll(secrets, '$1…')
}
