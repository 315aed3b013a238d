/** A shell command that sends the request; fit for any POSIX shell. */
export function curlCommand(url: string, body: unknown, needsKey: boolean): string {
  const parts = ["curl -s", quote(url), "-H 'Content-Type: application/json'"];
  if (needsKey) parts.push('-H "Authorization: Bearer $BRAID_KEY"');
  parts.push("-d", quote(JSON.stringify(body)));
  return parts.join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
