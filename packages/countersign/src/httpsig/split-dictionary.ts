/** Matches one member with its label: a comma in a string ends no member. */
const member = /[ \t]*(([a-z*][a-z0-9_.*-]*)(?=[=;]|[ \t]*(?:,|$))(?:"(?:[^"\\]|\\[\s\S])*"|[^",])*)(?:,(?!$)|$)/y

/**
 * Splits a dictionary (RFC 9651 §3.2) into its members, each with its label, exactly as received. Undefined if it is not a dictionary. The
 * values of the members are not checked, and a label may occur more than once.
 */
export function splitDictionary(text: string): [label: string, member: string][] | undefined {
  const members: [string, string][] = []
  member.lastIndex = 0
  while (text !== '' && member.lastIndex < text.length) {
    const [, whole = '', label] = member.exec(text) ?? []
    if (label === undefined) return undefined
    members.push([label, whole.trimEnd()])
  }
  return members
}
