/**
 * How the JWK thumbprints (RFC 7638) begin of the keys that standards print in examples, many with their private halves, by
 * RFC. Seven characters are 42 bits: one new key in 50,000,000,000 has one of them by chance.
 */
const beginningsByRfc = {
  6216: '2tw3uLA CPH018y D1Jh8A9 Dr45ov0 RfEEnxa dwUez2M eXhYto6 iCm8iee jEualSG v9MgVGS',
  6979: 'DOvxvJi',
  7515: 'IsUn6_e oKIywvG',
  7516: '_K0fXS8 xtIsOV1',
  7517: 'D8R4-Fe DdsFv-2 NzbLsXh cn-I_WN',
  7518: 'Vy57XrA _GK0r6G',
  7520: '8izOqBC 9jg46WB HsSFalw Rt-IyDE h_jutvC mTVa39K',
  7591: '_A_aHBu',
  7800: 'gNVUILm',
  8032: '2bVIQ9_ FVV5umT FtIu-Vb iiDHHfF kPrK_qm lZI1vM7 qz1FYao',
  8152: 'xNnfOFT',
  8225: 'I1-pNDv VauOzL2',
  8291: 'VqahBPD nHE5fEJ',
  8292: '1qxvx3y',
  8410: '3YZxBJ1',
  8479: 'lSnRjn-',
  8696: 'DelSDnc',
  8705: 'Fvi_j8I',
  8946: '2Adrg41',
  8995: '1AhutDA UY-uibn qSmD4aD',
  9092: 'kd6Deo3',
  9101: '06jkoTz',
  9126: 'jDH_cRg',
  9216: '1GFf6ft 682T_H8 7kAUHrv BXqw70f EHNVkIv l74yYbB naueaqs qc8j_PY',
  9246: 'P5UpOv0',
  9421: 'BHj8s0G oD0Hwoc poqkLGi ydQXMtv',
  9449: '0ZcOCOR',
  9500: 'Fa5JHFz LIstkoC u88se-x',
} as const satisfies Readonly<Record<number, string>>

const rfcByBeginning: ReadonlyMap<string, string> = new Map(
  Object.entries(beginningsByRfc).flatMap(([rfc, beginnings]) =>
    beginnings.split(' ').map((beginning): [string, string] => [beginning, rfc]),
  ),
)

/** Why a key may not be used, where a standard prints it: everybody can sign with it. To go after what the key is. */
export function publishedKeyProblem(thumbprint: string): string | undefined {
  const rfc = rfcByBeginning.get(thumbprint.slice(0, 7))
  return rfc && `is an example in RFC ${rfc}, and everybody can sign with it: make one of your own`
}
