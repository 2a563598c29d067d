import type { Signer } from 'countersign'
import type { DocumentType } from 'countersign/discovery'
import type { ResourceEdition } from 'countersign/editions'
import type { KeyReference } from 'countersign/signatures'
import type { PageText } from './page-text.js'
import type { TraceForm } from './trace-form.js'

/** An edition of AAuth, as the commands need it. */
export interface CommandEdition {
  /** How requests are signed, verified and refused. */
  readonly protocol: Pick<ResourceEdition, 'signing' | 'documents' | 'createKeyResolver' | 'writeRefusal'>
  /** How messages are shown in traces. */
  readonly trace: TraceForm
  /** What the page of a run says about the edition. */
  readonly page: PageText
  /** What the members of its tokens mean that other editions lack or use differently, as sentences. */
  readonly claims: Readonly<Record<string, string>>
  /** The documents that may be published under an identifier. */
  readonly documents: readonly DocumentKind[]
  /** Why a text that is an identifier in some edition is not one in this edition; undefined if it is. */
  identifierProblem(identifier: string): string | undefined
  /** The headers that only this edition defines, or whose form it defines, by name. */
  readonly headers: Readonly<Record<string, HeaderInspector>>
  /** What the signer should do about each `error` in `Signature-Error`. */
  readonly remedies: Readonly<Record<string, string>>
  /** Notes about the header of a token, if it is a token of this edition. */
  tokenRemarks(header: Readonly<Record<string, unknown>>): readonly string[]
  /** Builds the `Signature-Key` value that the flags of `sign` describe. `now` is the time of signing, in Unix seconds. */
  chooseSignatureKey(
    flags: KeyReferenceFlags,
    signer: Signer,
    tell: (text: string) => void,
    now: number,
  ): Promise<KeyReference>
}

/** The flags of `sign` that determine how the key is found. */
export interface KeyReferenceFlags {
  scheme?: string
  key?: string
  id?: string
  wellKnown?: string
  jwksUri?: string
  token?: string
}

/** A document of a party. */
export interface DocumentKind {
  /** The party's name in reports. */
  party: string
  type: DocumentType
  /** Members with URLs to which peers send requests or users. */
  endpoints: readonly string[]
  /** Optional members without which something breaks, with the effect and the fix. */
  advised: readonly { member: string; without: string; fix: string }[]
}

/** The content of a header value, and the tokens in it. */
export interface DecodedHeader {
  decoded: Readonly<Record<string, unknown>>
  /** Notes for the reader, as sentences. */
  remarks: readonly string[]
  tokens: readonly string[]
}

export interface HeaderInspector {
  /** Whether a value without a name looks like a value of this header. */
  fits: RegExp
  /** Throws the errors of the library's parser. */
  decode: (value: string, now: number) => Promise<DecodedHeader>
}
