// Vault's own core, key-value engine and HTTP server, without the commands and cloud engines of the distributed
// program: vault ADDRESS[,ADDRESS...] [CERTIFICATE KEY 1.2|1.3]. The addresses are one highly available group over
// storage in memory: one becomes active, the others stand by. To be initialised (at one) and unsealed (each)
// through the API, as every Vault.
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	log "github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// The one engine that is built in.
type engines struct{}

func (engines) Contains(name string, kind consts.PluginType) bool {
	return name == "kv" && kind == consts.PluginTypeSecrets
}

func (own engines) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory := func() (interface{}, error) { return logical.Factory(kv.Factory), nil }
	return factory, own.Contains(name, kind)
}

func (engines) Keys(kind consts.PluginType) []string {
	if kind == consts.PluginTypeSecrets {
		return []string{"kv"}
	}
	return nil
}

func (own engines) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, own.Contains(name, kind)
}

func (engines) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

func fail(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "vault: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func serve(address, scheme string, storage physical.Backend, locks physical.HABackend, logger log.Logger) *vault.Core {
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:        storage,
		HAPhysical:      locks,
		DisableMlock:    true,
		Logger:          logger.Named(address),
		RedirectAddr:    scheme + "://" + address,
		LogicalBackends: map[string]logical.Factory{"kv": kv.Factory},
		BuiltinRegistry: engines{},
	})
	fail("core", err)
	listener, err := net.Listen("tcp", address)
	fail("listen", err)
	if scheme == "https" {
		pair, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
		fail("certificate", err)
		version := uint16(tls.VersionTLS13)
		if os.Args[4] == "1.2" {
			version = tls.VersionTLS12
		}
		listener = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{pair}, MinVersion: version, MaxVersion: version})
	}
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core:           core,
		ListenerConfig: &configutil.Listener{Address: address, TLSDisable: scheme == "http"},
	})
	go func() { fail("serve", http.Serve(listener, handler)) }()
	return core
}

func main() {
	if len(os.Args) != 2 && len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: vault ADDRESS[,ADDRESS...] [CERTIFICATE KEY 1.2|1.3]")
		os.Exit(2)
	}
	scheme := "http"
	if len(os.Args) == 5 {
		scheme = "https"
	}
	logger := log.New(&log.LoggerOptions{Name: "vault", Level: log.Info, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	fail("storage", err)
	locks, err := inmem.NewInmemHA(nil, logger)
	fail("locks", err)
	var cores []*vault.Core
	for _, address := range strings.Split(os.Args[1], ",") {
		cores = append(cores, serve(address, scheme, storage, locks.(physical.HABackend), logger))
	}
	fmt.Println("listening")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
	for _, core := range cores {
		_ = core.Shutdown()
	}
}
