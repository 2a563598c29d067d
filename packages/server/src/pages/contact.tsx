import type { Messages } from './messages/messages.js'
import type { PageFrame, Contact as Person } from './models.js'

/** Whom to ask, as a link where there is one. */
export function Contact({ contact }: { contact: Person }) {
  const name = <bdi>{contact.name}</bdi>
  return contact.href === undefined ? name : <a href={contact.href}>{name}</a>
}

/** The way back in for who does not know the password any more: whom to ask. */
export function ForgottenPassword({ frame, messages }: { frame: PageFrame; messages: Messages }) {
  const whom = frame.contact ? <Contact contact={frame.contact} /> : messages.administrator
  return (
    <details class="forgotten">
      <summary>{messages.forgotPassword}</summary>
      <p>{messages.askForPassword(whom)}</p>
    </details>
  )
}

/** The way back in for a user who no longer has their passkey: whom to ask. */
export function LostPasskey({ frame, messages }: { frame: PageFrame; messages: Messages }) {
  const whom = frame.contact ? <Contact contact={frame.contact} /> : messages.administrator
  return (
    <details class="forgotten">
      <summary>{messages.lostPasskey}</summary>
      <p>{messages.askAboutPasskey(whom)}</p>
    </details>
  )
}
