import { describe, expect, it } from 'vitest';
import { SCRAM_MESSAGE_MAX_BYTES } from '../../base/limits.ts';
import { parseClientFinal, parseClientFirst } from './scram-message.ts';

const first = (text: string): ReturnType<typeof parseClientFirst> => parseClientFirst(Buffer.from(text));
const final = (text: string): ReturnType<typeof parseClientFinal> => parseClientFinal(Buffer.from(text));
const PROOF = Buffer.alloc(32, 0xfb).toString('base64');

describe('the first message of a SCRAM client', () => {
  it('is read into what the exchange needs', () => {
    expect(first('n,,n=user,r=abc')).toEqual({
      user: 'user',
      nonce: 'abc',
      gs2Header: 'n,,',
      bare: 'n=user,r=abc',
    });
    expect(first('y,,n=user,r=abc')?.gs2Header).toBe('y,,');
    expect(first('n,a=user,n=user,r=abc')).toMatchObject({ gs2Header: 'n,a=user,', bare: 'n=user,r=abc' });
    expect(first('n,,n=a=2Cb=3Dc=3D2C,r=abc')?.user).toBe('a,b=c=2C');
    expect(first('n,,n=gerät,r=abc')?.user).toBe('gerät');
    expect(first('n,,n=user,r=abc,x=unknown,y=more')?.bare).toBe('n=user,r=abc,x=unknown,y=more');
  });

  it.each([
    '',
    'n=user,r=abc',
    'n,n=user,r=abc',
    'p=tls-unique,,n=user,r=abc',
    'P,,n=user,r=abc',
    'n,a=other,n=user,r=abc',
    'n,,m=ext,n=user,r=abc',
    'n,,n=,r=abc',
    'n,,n=user,r=',
    'n,,n=user',
    'n,,r=abc,n=user',
    'n,,n=user,r=a bc',
    'n,,n=user,r=abc,',
    'n,,n=user,r=abc,xx=1',
    'n,,n=us=er,r=abc',
    'n,,n=us=2cer,r=abc',
    'n,,n=user=,r=abc',
    'n,,n=us\0er,r=abc',
    'n,,n=us\ner,r=abc',
    'n,,n=us\u00a0er,r=abc',
    'n,,n=us\u200ber,r=abc',
    'n,,n=us\u202eer,r=abc',
    'n,,n=us\ue000er,r=abc',
    'n,,n=us\ufffder,r=abc',
    '\ufeffn,,n=user,r=abc',
    'n,,n=user,r=abc\n',
    ` n,,n=user,r=abc`,
  ])('is refused as %j', (text) => {
    expect(first(text)).toBeUndefined();
  });

  it('is refused when it is not UTF-8, or longer than any honest one', () => {
    expect(parseClientFirst(Buffer.from('n,,n=us\xffer,r=abc', 'latin1'))).toBeUndefined();
    const filled = (bytes: number): string => 'n,,n=user,r='.padEnd(bytes, 'x');
    expect(first(filled(SCRAM_MESSAGE_MAX_BYTES))).toBeDefined();
    expect(first(filled(SCRAM_MESSAGE_MAX_BYTES + 1))).toBeUndefined();
  });
});

describe('the last message of a SCRAM client', () => {
  it('is read into what the exchange needs', () => {
    expect(final(`c=biws,r=abc,x=more,p=${PROOF}`)).toEqual({
      channelBinding: 'biws',
      nonce: 'abc',
      proof: Buffer.alloc(32, 0xfb),
      withoutProof: 'c=biws,r=abc,x=more',
    });
  });

  it.each([
    '',
    'c=biws,r=abc',
    `r=abc,c=biws,p=${PROOF}`,
    `r=abc,p=${PROOF}`,
    `c=,r=abc,p=${PROOF}`,
    `c=biws,r=abc,p=${PROOF},x=more`,
    `c=biws,r=abc,p=${PROOF.slice(0, -1)}`,
    `c=biws,r=abc,p=${PROOF.slice(0, -2)}`,
    `c=biws,r=abc,p=${PROOF}=`,
    `c=biws,r=abc,p=${PROOF.replaceAll('+', '-')}`,
    `c=biws,r=abc,p=${PROOF.slice(0, -2)}t=`,
    `c=biws,r=abc,p=${Buffer.alloc(31).toString('base64')}`,
    `c=biws,r=abc,p=${Buffer.alloc(33).toString('base64')}`,
    'c=biws,r=abc,p=',
    `c=biws,r=abc,p=${PROOF}\n`,
  ])('is refused as %j', (text) => {
    expect(final(text)).toBeUndefined();
  });
});
