// Checks a ledger with somebody else's transparency-log code: golang.org/x/mod/sumdb, the library behind Go's checksum database.
// It shares no line with Indelible. See README.md for how to run it.
//
//	independent LEDGER_DIRECTORY VERIFIER_KEY
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type storage struct{ hashes []tlog.Hash }

func (s *storage) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s.hashes)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		out[i] = s.hashes[index]
	}
	return out, nil
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: independent LEDGER_DIRECTORY VERIFIER_KEY")
	}
	ledger, key := os.Args[1], os.Args[2]
	size, root := head(ledger, key)
	store := &storage{}
	leaves := entries(ledger, size)
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashes(int64(i), leaf, store)
		check(err)
		store.hashes = append(store.hashes, hashes...)
	}
	computed, err := tlog.TreeHash(size, store)
	check(err)
	if computed != root {
		log.Fatalf("root: the checkpoint says %v, the entries give %v", root, computed)
	}
	tiles := checkTiles(ledger, size, store)
	for i := int64(0); i < size; i += 1 + size/1000 {
		proof, err := tlog.ProveRecord(size, i, store)
		check(err)
		check(tlog.CheckRecord(proof, size, root, i, tlog.RecordHash(leaves[i])))
	}
	fmt.Printf("agrees: size %d, root %s, %d tiles\n", size, base64.StdEncoding.EncodeToString(root[:]), tiles)
}

func head(ledger, key string) (int64, tlog.Hash) {
	verifier, err := note.NewVerifier(key)
	check(err)
	message, err := os.ReadFile(filepath.Join(ledger, "checkpoint"))
	check(err)
	opened, err := note.Open(message, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	var root tlog.Hash
	copy(root[:], hash)
	return size, root
}

// path follows C2SP tlog-tiles, which differs from x/mod's own by leaving out the height.
func path(kind string, n, width int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	if width < 256 {
		text += fmt.Sprintf(".p/%d", width)
	}
	return filepath.Join("tile", kind, text)
}

func entries(ledger string, size int64) [][]byte {
	var leaves [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		bundle, err := os.ReadFile(filepath.Join(ledger, path("entries", n, width)))
		check(err)
		for i := int64(0); i < width; i++ {
			length := int(binary.BigEndian.Uint16(bundle))
			leaves = append(leaves, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
		if len(bundle) != 0 {
			log.Fatalf("bundle %d: %d bytes left over", n, len(bundle))
		}
	}
	return leaves
}

func checkTiles(ledger string, size int64, store *storage) int {
	count := 0
	for _, tile := range tlog.NewTiles(8, 0, size) {
		want, err := tlog.ReadTileData(tile, store)
		check(err)
		// Only what the head covers is served: full tiles, and the partial one at the right edge.
		if tile.W < 256 && (tile.N*256+int64(tile.W)) != size>>(8*tile.L) {
			continue
		}
		found, err := os.ReadFile(filepath.Join(ledger, path(strconv.Itoa(tile.L), tile.N, int64(tile.W))))
		check(err)
		if !bytes.Equal(want, found) {
			log.Fatalf("tile %v differs", tile)
		}
		count++
	}
	return count
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
