import type { ComponentChildren } from 'preact'

/**
 * A template tag for sentences that contain elements: `phrase\`signed by ${<bdi>{host}</bdi>}\``.
 *
 * @returns The pieces in order, for use as JSX children; strings among them are escaped there.
 */
export function phrase(text: TemplateStringsArray, ...places: ComponentChildren[]): ComponentChildren[] {
  const pieces: ComponentChildren[] = []
  // A page has about 60 phrases, and `flatMap` takes ten times as long.
  for (let index = 0; index < text.length; index++) pieces.push(text[index], places[index])
  return pieces
}

/** Creates the function that joins sentences, with what the language puts between them; it omits those that are not there. */
export function createJoin(gap: string) {
  return (...sentences: ComponentChildren[]): ComponentChildren[] =>
    sentences
      .filter((sentence) => sentence !== undefined && sentence !== false)
      .flatMap((sentence, index) => (index === 0 ? [sentence] : [gap, sentence]))
}

/** The text of a problem page; `agent` is the requesting host, or the words for "the agent" if the host must not be shown. */
export interface Problem {
  heading: string
  explanation: (agent: ComponentChildren) => ComponentChildren[]
  /** What the user can do, and when, if the page says so. */
  advice: (agent: ComponentChildren, until: ComponentChildren) => ComponentChildren[]
  /** The label of the link that tries again, if it is not the default one. */
  retry?: string
}

/** The hosts that an email names, as plain text; empty if it names none. */
export type EmailAbout = Readonly<Record<'agent' | 'resource', string>>

/** The text of an email: paragraphs before and after the link. Programs that show emails as text show no markup, so there is none. */
export interface EmailText {
  subject: (server: string) => string
  before: (server: string, user: string, about: EmailAbout) => string[]
  action: string
  after: string[]
}

/**
 * Creates notices of changes to an account, from what all of them say; `otherwise`: what to do if someone else made the change; `optOut`: where
 * the user can turn them off.
 */
export function createNotice(all: { unneeded: string; action: string; otherwise?: string; optOut?: string }) {
  return (what: string, sentence: (...names: Parameters<EmailText['before']>) => string): EmailText => ({
    subject: (server) => `${what} – ${server}`,
    before: (...names) => [sentence(...names), all.unneeded],
    action: all.action,
    after: [all.otherwise, all.optOut].filter((sentence) => sentence !== undefined),
  })
}
